package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/skyctl/skyctl/orchestrator"
)

// newDisplay returns what shows progress on f.
func newDisplay(f *os.File) display {
	if isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb" {
		return &bars{w: f}
	}
	return &plain{w: f}
}

// canAsk tells whether somebody sits at a terminal who can be asked: standard
// input is one. A pipe or a file has answered nothing and is not read. hint says
// what to do if not.
func canAsk(hint string) error {
	if isatty.IsTerminal(os.Stdin.Fd()) {
		return nil
	}
	return &orchestrator.UsageError{
		Err:  errors.New("confirmation is needed and there is no terminal to ask on"),
		Hint: hint,
	}
}

// confirm asks on the terminal. It returns nil for yes, and declinedError for
// everything else. When ctx ends it returns its cause.
func confirm(ctx context.Context, question string) error {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot ask for confirmation: %w", err)
	}
	defer tty.Close()
	// A read that waits for the user ends when ctx does.
	stop := context.AfterFunc(ctx, func() { _ = tty.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	if _, err := fmt.Fprintf(tty, "%s [y/N] ", question); err != nil {
		return fmt.Errorf("cannot ask for confirmation: %w", err)
	}
	answer, err := bufio.NewReader(tty).ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && isYes(answer):
		return nil
	}
	// No answer, such as ^D, is none.
	return declinedError{}
}

func isYes(answer string) bool {
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
