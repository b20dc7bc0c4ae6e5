package grid

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/table"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// SourceMeasured is the source of links that skyctl measured itself, between
// gateways of its own.
const SourceMeasured = "measured"

// Fresh is for how long such a measurement is believed before tables that
// somebody brought. Older, it is believed before the model alone.
const Fresh = 30 * 24 * time.Hour

// Measurement is what one measurement found of a pair.
type Measurement struct {
	Pair        Pair
	Gbps        unit.Gbps // between one pair of gateways: the median of all seconds
	Spread      float64   // how far a second was from that at most, as a fraction of it
	RTT         time.Duration
	Connections int
	Transport   string
	At          time.Time
}

// Summarise makes a measurement of what was received in each second.
func Summarise(pair Pair, gbps []float64, rtt time.Duration, connections int, transport string, at time.Time) (Measurement, error) {
	sorted := slices.Sorted(slices.Values(gbps))
	if len(sorted) == 0 || !(sorted[0] >= 0) {
		return Measurement{}, fmt.Errorf("nothing was measured of %s", pair)
	}
	n := len(sorted)
	median := (sorted[(n-1)/2] + sorted[n/2]) / 2
	if !(median > 0) {
		return Measurement{}, fmt.Errorf("nothing gets through %s", pair)
	}
	return Measurement{Pair: pair, Gbps: unit.Gbps(median), Spread: max(sorted[n-1]-median, median-sorted[0]) / median,
		RTT: rtt, Connections: connections, Transport: transport, At: at}, nil
}

// link is what the planner believes of a measured pair. The hosts of owned
// regions share a way that more of them do not widen; a cloud gives each pair
// of machines its own.
func (m Measurement) link() Link {
	l := Link{Gbps: m.Gbps, RTT: m.RTT, Connections: m.Connections, Source: SourceMeasured, Spread: m.Spread, Measured: m.At}
	l.Total = m.Pair.From.Cloud().Owned() || m.Pair.To.Cloud().Owned()
	return l
}

// MeasureConnections is how many connections a pair is measured with: what the
// planner would use of it.
func MeasureConnections(pair Pair) int {
	if pair.From.Cloud().Owned() || pair.To.Cloud().Owned() {
		return DefaultConnections
	}
	return MachineConnections
}

// Measurements are the last measurement of each pair.
type Measurements map[Pair]Measurement

var measuredColumns = []string{"src", "dst", "gbps", "spread", "rtt_ms", "connections", "transport", "measured"}

// ReadMeasurements reads what Write wrote.
func ReadMeasurements(name string, r io.Reader) (Measurements, error) {
	t, err := table.Open(name, r)
	if err != nil {
		return nil, err
	}
	if err := t.Only(measuredColumns); err != nil {
		return nil, err
	}
	all := Measurements{}
	for t.Next() {
		m := Measurement{Pair: Pair{regionIn(t, "src"), regionIn(t, "dst")}, Gbps: unit.Gbps(t.Positive("gbps")), Spread: t.Figure("spread"),
			RTT:         time.Duration(t.Figure("rtt_ms") * float64(time.Millisecond)),
			Connections: int(t.Positive("connections")), Transport: t.Text("transport")}
		if m.At, err = time.Parse(time.RFC3339, t.Text("measured")); err != nil {
			t.Fail("measured %q is not a time such as 2026-11-22T12:00:00Z", t.Text("measured"))
		}
		if m.Connections < 1 || m.Connections > MachineConnections {
			t.Fail("connections %q are not within 1 and %d", t.Text("connections"), MachineConnections)
		}
		if _, ok := all[m.Pair]; ok || m.Pair.From == m.Pair.To {
			t.Fail("%s is there twice, or no link", m.Pair)
		}
		all[m.Pair] = m
	}
	return all, t.Err()
}

// Write writes the measurements in the order of the pairs.
func (all Measurements) Write(w io.Writer) error {
	var text strings.Builder
	text.WriteString(strings.Join(measuredColumns, ",") + "\n")
	for _, p := range slices.SortedFunc(maps.Keys(all), func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	}) {
		m := all[p]
		fmt.Fprintf(&text, "%s,%s,%s,%s,%s,%d,%s,%s\n", p.From, p.To, number(float64(m.Gbps)), number(m.Spread),
			number(float64(m.RTT)/float64(time.Millisecond)), m.Connections, m.Transport, m.At.UTC().Format(time.RFC3339))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Tables returns the measurements that are fresh at an instant, and the others.
func (all Measurements) Tables(now time.Time) (fresh, old *Table) {
	fresh, old = &Table{map[Pair]Link{}}, &Table{map[Pair]Link{}}
	for p, m := range all {
		t := fresh
		if now.Sub(m.At) > Fresh {
			t = old
		}
		t.links[p] = m.link()
	}
	return fresh, old
}
