package grid

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/unit"
)

var then = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestSummarise(t *testing.T) {
	pair := Pair{"aws:us-east-1", "gcp:us-central1"}
	for _, c := range []struct {
		seconds []float64
		gbps    unit.Gbps
		spread  float64
	}{
		{[]float64{4, 5, 3}, 4, 0.25},
		{[]float64{1, 4, 4, 4}, 4, 0.75},
		{[]float64{2, 3}, 2.5, 0.2},
		{[]float64{7}, 7, 0},
		{[]float64{0, 2, 8}, 2, 3},
	} {
		m, err := Summarise(pair, c.seconds, time.Millisecond, 64, "quic", then)
		if err != nil || m.Gbps != c.gbps || math.Abs(m.Spread-c.spread) > 1e-12 || m.Pair != pair || m.At != then {
			t.Errorf("%v: %+v, %v", c.seconds, m, err)
		}
	}
	for _, seconds := range [][]float64{nil, {0, 0, 5}, {math.NaN(), 1}, {-1, 1, 1}} {
		if m, err := Summarise(pair, seconds, 0, 64, "quic", then); err == nil {
			t.Errorf("%v: %+v", seconds, m)
		}
	}
}

func TestMeasurementsAreKeptAsTheyAre(t *testing.T) {
	all := Measurements{}
	for _, m := range []Measurement{
		{Pair{"aws:us-east-1", "gcp:us-central1"}, 4.9, 0.123, 30500 * time.Microsecond, 64, "quic", then},
		{Pair{"gcp:us-central1", "aws:us-east-1"}, 6, 0, 0, 64, "tls", then.Add(time.Hour)},
		{Pair{"local:a", "aws:us-east-1"}, 0.1, 0.5, time.Second, 8, "tls", then},
	} {
		all[m.Pair] = m
	}
	var text strings.Builder
	if err := all.Write(&text); err != nil {
		t.Fatal(err)
	}
	got, err := ReadMeasurements("x", strings.NewReader(text.String()))
	if err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("%v\n%s\n%+v", err, &text, got)
	}
	head, row := "src,dst,gbps,spread,rtt_ms,connections,transport,measured\n", "aws:us-east-1,gcp:us-central1,1,0,1,64,quic,2026-11-01T12:00:00Z\n"
	for name, wrong := range map[string]string{
		"twice":       head + row + row,
		"to itself":   head + strings.Replace(row, "gcp:us-central1", "aws:us-east-1", 1),
		"NaN":         head + strings.Replace(row, ",1,", ",NaN,", 1),
		"negative":    head + strings.Replace(row, ",1,", ",-1,", 1),
		"nothing":     head + strings.Replace(row, ",1,", ",0,", 1),
		"no time":     head + strings.Replace(row, "2026-11-01T12:00:00Z", "yesterday", 1),
		"connections": head + strings.Replace(row, ",64,", ",65,", 1),
		"a column":    strings.Replace(head, "spread", "spred", 1) + row,
	} {
		if got, err := ReadMeasurements("x", strings.NewReader(wrong)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestFreshMeasurementsGoFirst: before tables that somebody brought while they
// are fresh, before the model alone when they are old, and the configuration
// before both.
func TestFreshMeasurementsGoFirst(t *testing.T) {
	cloud, site, stated := Pair{"aws:us-east-1", "gcp:us-central1"}, Pair{"ssh:rack1", "aws:us-east-1"}, Pair{"aws:us-east-1", "ssh:rack1"}
	all := Measurements{}
	for _, p := range []Pair{cloud, site, stated} {
		all[p] = Measurement{Pair: p, Gbps: 3, Spread: 0.1, Connections: MeasureConnections(p), At: then}
	}
	imported, err := Read("imported", strings.NewReader("src,dst,gbps\naws:us-east-1,gcp:us-central1,4\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(now time.Time, p Pair) Link {
		fresh, old := all.Tables(now)
		g := New(map[Pair]Link{stated: {Gbps: 1}}, nil).WithTable(fresh).WithTable(imported).WithTable(old).WithModel()
		l, err := g.Link(p.From, p.To)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := at(then.Add(Fresh), cloud); l.Gbps != 3 || l.Source != SourceMeasured || l.Measured != then || l.Spread != 0.1 || l.Total || l.Connections != 64 {
		t.Errorf("fresh: %+v", l)
	}
	if l := at(then.Add(Fresh+time.Second), cloud); l.Gbps != 4 || !l.Measured.IsZero() {
		t.Errorf("old, and there is an import: %+v", l)
	}
	if l := at(then.Add(10*Fresh), site); l.Gbps != 3 || !l.Total || l.Connections != DefaultConnections || l.Assumed {
		t.Errorf("old, of an owned region: %+v", l)
	}
	if l := at(then, stated); l.Gbps != 1 {
		t.Errorf("the configuration states it: %+v", l)
	}
}
