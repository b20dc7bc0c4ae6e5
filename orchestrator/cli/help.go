package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// errHelpShown ends the parsing of arguments that ask for help.
var errHelpShown = errors.New("help was shown")

type helpDoc struct {
	Text string `json:"text"`
}

// help answers with kong's help, and for the program as a whole the exit codes.
func (c *console) help(options kong.HelpOptions, ctx *kong.Context) error {
	show := func(w io.Writer) error {
		ctx.Stdout = w
		if err := kong.DefaultHelpPrinter(options, ctx); err != nil || ctx.Selected() != nil {
			return err
		}
		return exitCodes(w)
	}
	var text bytes.Buffer
	if c.json {
		if err := show(&text); err != nil {
			return err
		}
	}
	c.answer(helpDoc{text.String()}, show)
	return errHelpShown
}

func exitCodes(w io.Writer) error {
	var text bytes.Buffer
	text.WriteString("\nExit codes, and the codes of errors with --json; of several the first decides:\n  0  done\n")
	for _, k := range kinds {
		fmt.Fprintf(&text, "  %d  %-11s  %s\n", k.exit, k.word, k.help)
	}
	_, err := text.WriteTo(w)
	return err
}
