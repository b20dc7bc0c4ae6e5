package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab"
	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// gauge is the length of a full link's bar.
const gauge = 30

// labView shows the links between regions. With before, what passed since then is
// shown as a bar; links over which nothing passes are left out.
func labView(w io.Writer, s lab.Status, before *lab.Status, elapsed time.Duration) error {
	if before != nil {
		if _, err := fmt.Fprintf(w, "--- %s, %s\n", s.Name, time.Now().Format(time.TimeOnly)); err != nil {
			return err
		}
	}
	return columns(w, func(w io.Writer) {
		if before == nil {
			fmt.Fprintln(w, "FROM\tTO\tMBIT/S\tRTT\tLOSS\tSTATE\tPASSED\tLOST\tDROPPED")
		}
		for i, l := range s.Links {
			if l.From == labfile.Operator || l.To == labfile.Operator {
				continue
			}
			if before == nil {
				fmt.Fprintf(w, "%s\t%s\t%g\t%gms\t%g%%\t%s\t%s\t%d\t%d\n", l.From, l.To, l.Mbit, l.RTTMs, 100*l.Loss,
					linkState(l), unit.Bytes(l.Bytes).Human(), l.Lost, l.Dropped)
				continue
			}
			mbit := float64(l.Bytes-before.Links[i].Bytes) * 8 / 1e6 / elapsed.Seconds()
			if mbit < 0.1 && !l.Down {
				continue
			}
			bar := ""
			if l.Mbit > 0 {
				bar = strings.Repeat("#", min(gauge, int(mbit/l.Mbit*gauge+0.5)))
			}
			fmt.Fprintf(w, "%s\t->\t%s\t%.1f of %g Mbit/s\t%s\t[%-*s]\n", l.From, l.To, mbit, l.Mbit, linkState(l), gauge, bar)
		}
	})
}

// linkState is what does not pass, in a word.
func linkState(l lab.LinkStatus) string {
	switch {
	case l.Down:
		return "down"
	case l.NoUDP:
		return "no UDP"
	}
	return "up"
}
