package price

import (
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

func TestRead(t *testing.T) {
	table, err := Read("mine.csv", strings.NewReader("src,dst,usd_per_gb\naws:a,aws:b,0.05\naws:b,aws:a,0\nlocal:x,local:y,1\naws:a,aws:a,0\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := New(nil, nil).WithRules().WithTable(table)
	for pair, want := range map[grid.Pair]unit.USD{
		{From: "aws:a", To: "aws:b"}:     0.05,
		{From: "aws:b", To: "aws:a"}:     0,
		{From: "local:x", To: "local:y"}: 1,
	} {
		if p, err := b.Egress(pair.From, pair.To); err != nil || p.USD != want {
			t.Errorf("%s: %+v, %v", pair, p, err)
		}
	}
	// What a file does not have is not looked up elsewhere.
	for _, pair := range []grid.Pair{{From: "aws:us-east-1", To: "aws:us-east-2"}, {From: "local:y", To: "local:x"}} {
		if p, err := b.Egress(pair.From, pair.To); err == nil {
			t.Errorf("%s is not in the file: %+v", pair, p)
		}
	}
}

func TestReadOffers(t *testing.T) {
	offers, err := ReadOffers("m.csv", strings.NewReader("cloud,type,egress_gbps,ingress_gbps,usd_per_hour\naws,big,5,10,1.5\ngcp,big,7,0,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := New(nil, nil).WithRules().WithOffers(offers)
	if p, err := b.Machine("aws:anywhere", "big"); err != nil || p.USD != 1.5 || p.Source != "m.csv" {
		t.Errorf("big: %+v, %v", p, err)
	}
	if _, err := b.Machine("aws:us-east-1", "m5.8xlarge"); err == nil {
		t.Error("the catalogue's machines are there too")
	}
	if _, err := b.Spot("aws:us-east-1", "big"); err == nil {
		t.Error("a spot price that nobody stated")
	}
	machines := grid.New(nil, nil).WithMachines(ByCloud(offers)).Machines("gcp:anywhere")
	if len(machines) != 1 || machines[0] != (grid.Machine{Type: "big", Egress: 7}) {
		t.Errorf("machines of gcp: %+v", machines)
	}
}

func TestMalformed(t *testing.T) {
	prices := func(s string) error { _, err := Read("f.csv", strings.NewReader(s)); return err }
	machines := func(s string) error { _, err := ReadOffers("f.csv", strings.NewReader(s)); return err }
	const head, mhead = "src,dst,usd_per_gb\n", "cloud,type,egress_gbps,ingress_gbps,usd_per_hour\n"
	for _, c := range []struct {
		read func(string) error
		text string
		want string
	}{
		{prices, "", "f.csv: empty"},
		{prices, head, "has no prices"},
		{prices, "src,dst,gbps\n", `f.csv:1: column "usd_per_gb" is missing`},
		{prices, "src,dst,usd_per_gb,note\n", `column "note" is unknown`},
		{prices, head + "aws:a,aws:b\n", "f.csv:2: wrong number of fields"},
		{prices, head + "aws:a,aws:b,-1\n", "f.csv:2: usd_per_gb -1 is negative"},
		{prices, head + "aws:a,aws:b,NaN\n", `f.csv:2: usd_per_gb "NaN" is not a number`},
		{prices, head + "aws:a,b,1\n", `f.csv:2: region "b" is not CLOUD:NAME`},
		{prices, head + "aws:a,aws:b,1\n\naws:a,aws:b,1\n", "f.csv:4: aws:a > aws:b is there twice"},
		{machines, mhead, "has no machines"},
		{machines, mhead + "ibm,x,1,1,1\n", `f.csv:2: cloud "ibm" is unknown`},
		{machines, mhead + "local,x,1,1,1\n", "f.csv:2: machines of local have no types"},
		{machines, mhead + "aws,,1,1,1\n", "f.csv:2: type is empty"},
		{machines, mhead + "aws,x,1,1,Inf\n", `f.csv:2: usd_per_hour "Inf" is not a number`},
		{machines, mhead + "aws,x,1,1,1\naws,x,1,1,1\n", "f.csv:3: aws x is there twice"},
	} {
		if err := c.read(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("src,dst,usd_per_gb\naws:a,aws:b,0.05\n")
	f.Add("cloud,type,egress_gbps,ingress_gbps,usd_per_hour\naws,big,5,10,1.5\n")
	f.Fuzz(func(t *testing.T, text string) {
		if table, err := Read("f", strings.NewReader(text)); err == nil {
			for pair, p := range table.egress {
				if !(p.USD >= 0) || pair.From == pair.To {
					t.Errorf("%s: %+v", pair, p)
				}
			}
		}
		if offers, err := ReadOffers("f", strings.NewReader(text)); err == nil {
			for _, o := range offers {
				if !(o.Hour.USD >= 0) || !(o.Machine.Egress >= 0) || o.Machine.Type == "" {
					t.Errorf("%+v", o)
				}
			}
		}
	})
}
