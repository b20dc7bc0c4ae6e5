package grid

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/table"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// Table holds measured links: Gbit/s between one pair of machines with 64
// connections.
type Table struct {
	links map[Pair]Link
}

// Columns of the two formats that Read knows.
var (
	columns     = []string{"src", "dst", "gbps"}
	wideColumns = []string{"src_region", "dst_region", "throughput_sent"}
)

// Read reads a CSV file of measured links in one of two formats, which the
// first line tells apart:
//
//	src,dst,gbps[,rtt_ms]
//	src_region,dst_region,throughput_sent,…
//
// The second is the older, wide one: bit/s, and whatever other columns there
// are. Regions are CLOUD:NAME. Rows of a region to itself are no links and are
// skipped. name is for messages, which have the line's number, and for the
// source of the links; a pair that is twice is an error.
func Read(name string, r io.Reader) (*Table, error) {
	t, err := table.Open(name, r)
	if err != nil {
		return nil, err
	}
	from, to, rate, perGbps := "src", "dst", "gbps", 1.0
	if t.Has(wideColumns...) && !t.Has("gbps") {
		from, to, rate, perGbps = wideColumns[0], wideColumns[1], wideColumns[2], 1e9
	} else if err := t.Only(columns, "rtt_ms"); err != nil {
		return nil, err
	}
	links := map[Pair]Link{}
	for t.Next() {
		l := Link{Connections: MachineConnections, Source: "measured, " + name}
		pair := Pair{regionIn(t, from), regionIn(t, to)}
		if pair.From == pair.To && t.Err() == nil {
			continue
		}
		l.Gbps = unit.Gbps(t.Rate(rate, perGbps))
		if t.Text("rtt_ms") != "" {
			l.RTT = time.Duration(t.Figure("rtt_ms") * float64(time.Millisecond))
		}
		if _, ok := links[pair]; ok {
			t.Fail("%s is there twice", pair)
		}
		links[pair] = l
	}
	switch {
	case t.Err() != nil:
		return nil, t.Err()
	case len(links) == 0:
		return nil, fmt.Errorf("%s: has no links, add rows of %s", name, strings.Join(columns, ","))
	}
	return &Table{links: links}, nil
}

func regionIn(t *table.Table, column string) region.Region {
	r, err := region.Parse(t.Text(column))
	if err != nil {
		t.Fail("%v", err)
	}
	return r
}

// Len returns the number of links.
func (t *Table) Len() int { return len(t.links) }

// Write writes the table in the first of the formats that Read knows, in the
// order of the pairs.
func (t *Table) Write(w io.Writer) error {
	var text strings.Builder
	text.WriteString(strings.Join(columns, ",") + ",rtt_ms\n")
	pairs := slices.SortedFunc(maps.Keys(t.links), func(a, b Pair) int { return strings.Compare(a.String(), b.String()) })
	for _, p := range pairs {
		l := t.links[p]
		rtt := ""
		if l.RTT > 0 {
			rtt = number(float64(l.RTT) / float64(time.Millisecond))
		}
		fmt.Fprintf(&text, "%s,%s,%s,%s\n", p.From, p.To, number(float64(l.Gbps)), rtt)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
