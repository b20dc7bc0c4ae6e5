package cli

import (
	"bytes"
	"io"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

type completionCmd struct {
	kongcompletion.Completion
}

type completionDoc struct {
	Text string `json:"text"`
}

// Run collects what the library prints, and keeps it from ending the process:
// answers are the console's to give.
func (c *completionCmd) Run(ctx *kong.Context, out *console) error {
	var text bytes.Buffer
	ctx.Stdout, ctx.Exit = &text, func(int) {}
	if err := c.Completion.Run(ctx); err != nil {
		return err
	}
	out.answer(completionDoc{text.String()}, func(w io.Writer) error {
		_, err := text.WriteTo(w)
		return err
	})
	return nil
}
