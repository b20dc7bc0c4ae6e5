package grid

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	const narrow = "src,dst,gbps,rtt_ms\naws:a,gcp:b,5.05,248.8\ngcp:b,aws:a,3,\naws:a,aws:a,0,\n"
	table, err := Read("n.csv", strings.NewReader(narrow))
	if err != nil {
		t.Fatal(err)
	}
	want := Link{Gbps: 5.05, RTT: 248800 * time.Microsecond, Connections: 64, Source: "measured, n.csv"}
	g := New(map[Pair]Link{{"gcp:b", "aws:a"}: {Gbps: 1, Source: "configuration"}}, nil).WithTable(table)
	if got, err := g.Link("aws:a", "gcp:b"); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := g.Link("gcp:b", "aws:a"); err != nil || got.Gbps != 1 {
		t.Errorf("the configuration does not win: %+v, %v", got, err)
	}
	if got, err := g.Link("local:x", "local:y"); err != nil || !got.Assumed {
		t.Errorf("beside the table: %+v, %v", got, err)
	}
	if got, err := New(nil, nil).WithOnly(table).Link("local:x", "local:y"); err == nil {
		t.Errorf("not in the only table: %+v", got)
	}
	if table.Len() != 2 {
		t.Errorf("%d links", table.Len())
	}
	if got := g.Regions(); len(got) != 2 {
		t.Errorf("regions: %v", got)
	}

	// What is written is read again as it was.
	var text bytes.Buffer
	if err := table.Write(&text); err != nil {
		t.Fatal(err)
	}
	again, err := Read("n.csv", &text)
	if err != nil || !reflect.DeepEqual(again, table) {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestReadWide(t *testing.T) {
	table, err := Read("w.csv", strings.NewReader(
		"src_region,dst_region,num_connections,throughput_sent,throughput_received\naws:a,aws:b,64,4982000000,1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := New(nil, nil).WithTable(table).Link("aws:a", "aws:b"); err != nil || got.Gbps != 4.982 || got.RTT != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMalformed(t *testing.T) {
	const head = "src,dst,gbps\n"
	for text, want := range map[string]string{
		"":                                      "f.csv: empty",
		head:                                    "f.csv: has no links",
		"src,dst\n":                             `f.csv:1: column "gbps" is missing`,
		"src,dst,gbps,rtt\n":                    `f.csv:1: column "rtt" is unknown`,
		head + "aws:a,aws:a,1\n":                "has no links",
		head + "aws:a,aws:b,0\n":                "f.csv:2: gbps 0 is no figure",
		head + "aws:a,aws:b,-5\n":               "f.csv:2: gbps -5 is negative",
		head + "aws:a,aws:b,nan\n":              `f.csv:2: gbps "nan" is not a number`,
		head + "aws:a,aws:b,1\naws:a,aws:b,2\n": "f.csv:3: aws:a > aws:b is there twice",
		head + "aws:a,aws:B,1\n":                `f.csv:2: region "aws:B" needs a name`,
		"src,dst,gbps,rtt_ms\naws:a,aws:b,1,-1\n":                       "f.csv:2: rtt_ms -1 is negative",
		"src_region,dst_region,throughput_sent\naws:a,aws:b,x\n":        `f.csv:2: throughput_sent "x" is not a number`,
		"src_region,dst_region,throughput_sent\naws:a,aws:b,0\n":        "f.csv:2: throughput_sent 0 is no figure",
		"src_region,dst_region,throughput_sent,gbps\naws:a,aws:b,1,2\n": `column "src" is missing`,
		head + "aws:a,aws:b,1,7\n":                                      "f.csv:2: wrong number of fields",
	} {
		if table, err := Read("f.csv", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %q", text, table, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("src,dst,gbps,rtt_ms\naws:a,gcp:b,5.05,248.8\n")
	f.Add("src_region,dst_region,throughput_sent\naws:a,aws:b,4982000000\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := Read("f", strings.NewReader(text))
		if err != nil {
			return
		}
		var first, second bytes.Buffer
		if err := table.Write(&first); err != nil {
			t.Fatal(err)
		}
		again, err := Read("f", bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, first.String(), err)
		}
		if err := again.Write(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%q, then %q, %v", first.String(), second.String(), err)
		}
	})
}
