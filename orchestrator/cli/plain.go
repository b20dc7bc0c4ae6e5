package cli

import (
	"fmt"
	"io"
	"time"
)

// plain shows progress in whole lines, for logs and pipes.
type plain struct{ w io.Writer }

func (p *plain) line(text string)        { fmt.Fprintln(p.w, text) }
func (p *plain) update(f figures)        { fmt.Fprintf(p.w, "  %s\n", f) }
func (p *plain) settle()                 {}
func (p *plain) interval() time.Duration { return 5 * time.Second }
