package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/skyctl/skyctl/orchestrator/overlay"
)

// quantity returns a number with its noun: "1 object", "2 objects".
func quantity[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// seconds returns a time span for people: at most what a Duration holds, some 292
// years.
func seconds(s float64) string {
	d := overlay.Time{Transfer: s}.Total()
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// printable returns a name from a store as it is, or quoted where it has
// characters that a terminal or a reader would take for something else.
func printable(name string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if name == "" || strings.ContainsFunc(name, odd) || strings.TrimSpace(name) != name {
		return strconv.Quote(name)
	}
	return name
}

// columns aligns cells that are separated by tabs.
func columns(w io.Writer, write func(w io.Writer)) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	write(tw)
	return tw.Flush()
}
