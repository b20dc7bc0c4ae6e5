package cli

// Rules of the user interface:
//
//   - Standard output gets the answer and nothing else: with --json exactly one
//     document at every exit, otherwise text.
//   - Standard error gets progress, questions and errors. The last line is the
//     command to run next, if there is one that must not be missed.
//   - An error is one line, "skyctl: what happened", and one more that says
//     what to do.
//   - Text is shown to people and may change; who wants to parse takes --json.
//   - Nothing depends on colour. What moves needs a terminal on standard error;
//     everywhere else progress is whole lines, a few a minute.
//   - Names that come from a store are quoted when they would do something to
//     a terminal.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// view shows a document to people.
type view func(w io.Writer) error

// document is the JSON of an answer that can say itself that it failed.
type document interface {
	fail(f *errorDoc)
}

// errorDoc is what JSON says of an error.
type errorDoc struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// outcome is embedded by documents that say whether they are a success.
type outcome struct {
	Success bool      `json:"success"`
	Error   *errorDoc `json:"error,omitempty"`
}

func (o *outcome) fail(e *errorDoc) { o.Success, o.Error = false, e }

// console is the only writer to standard output and standard error. It is safe
// for concurrent use.
type console struct {
	json     bool
	stdout   io.Writer
	stderr   io.Writer
	progress *progress

	mu      sync.Mutex
	config  string // --config, which further commands about the same run need too
	closed  bool
	doc     any
	text    view
	listing *listing
}

// useJSON says whether the answer is a document.
func (c *console) useJSON(use bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.json = use
}

// useConfig says which --config was given.
func (c *console) useConfig(file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config = file
}

// usable completes the commands in a text: see the function.
func (c *console) usable(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return usable(text, c.config)
}

// answer sets what the command says when it ends: doc with --json, else text.
func (c *console) answer(doc any, text view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doc, c.text = doc, text
}

// show writes text in the middle of a command: to standard output, or to
// standard error where that is kept for the document.
func (c *console) show(text view) error {
	c.progress.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil
	case c.json:
		return text(c.stderr)
	}
	return text(c.stdout)
}

// finish writes the answer, and what err says, and returns the exit code.
// Nothing is written after it.
func (c *console) finish(err error) int {
	c.progress.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true

	exit, passed := errors.AsType[passthrough](err)
	switch {
	case passed && c.doc == nil:
		return int(exit)
	case passed:
		err = nil // the document has it
	}
	var f failure
	if err != nil {
		f = diagnose(err)
		f.hint = usable(f.hint, c.config)
		for i, command := range f.commands {
			f.commands[i] = usable(command, c.config)
		}
	}
	written := c.write(f)
	if err == nil && written != nil {
		f = diagnose(fmt.Errorf("cannot write to standard output: %w", written))
	}
	c.complain(f)
	if f.kind.exit == 0 {
		return int(exit)
	}
	return f.kind.exit
}

// write writes the one document, or its text.
func (c *console) write(f failure) error {
	var e *errorDoc
	if f.kind.exit != 0 {
		e = &errorDoc{f.kind.word, f.message, f.hint}
	}
	switch {
	case c.listing != nil:
		return c.listing.end(e)
	case !c.json && c.text != nil:
		return c.text(c.stdout)
	case !c.json:
		return nil
	}
	doc := c.doc
	if e != nil {
		if d, ok := doc.(document); ok {
			d.fail(e)
		} else {
			doc = &outcome{Error: e}
		}
	}
	enc := json.NewEncoder(c.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// complain tells people of a failure. Standard error is the last resort:
// where it cannot be written nobody can be told.
func (c *console) complain(f failure) {
	if f.kind.exit == 0 {
		return
	}
	fmt.Fprintf(c.stderr, "skyctl: %s\n", f.message)
	if f.hint != "" && len(f.commands) == 0 {
		fmt.Fprintf(c.stderr, "hint: %s\n", f.hint)
	}
	for _, command := range f.commands {
		fmt.Fprintln(c.stderr, command)
	}
}
