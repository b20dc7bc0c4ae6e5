package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/fleet"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/region"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with testdata/NAME.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func newConsole(asJSON bool) (c *console, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &console{json: asJSON, stdout: stdout, stderr: stderr, progress: &progress{display: &plain{stderr}}}, stdout, stderr
}

var testFrontier = []quote.Point{
	{Throughput: 1, Time: overlay.Time{Provision: 90, Transfer: 8000}, Cost: overlay.Cost{Total: 87.25}, Gateways: 2},
	{Throughput: 2, Time: overlay.Time{Provision: 90, Transfer: 4000}, Cost: overlay.Cost{Total: 91}, Gateways: 3},
	{Throughput: 8, Time: overlay.Time{Provision: 90, Transfer: 1000}, Cost: overlay.Cost{Total: 140.5}, Gateways: 9},
}

var testGrid = gridDoc{[]linkDoc{
	{From: "aws:us-east-1", To: "gcp:us-central1", Gbits: 5, RTTMs: 31.8, Connections: 64, Source: "model"},
	{From: "local:east", To: "local:west", Gbits: 0.1, Connections: 8, Total: true, Source: "configuration"},
}}

var testPlan = orchestrator.Plan{
	Run: "261122-g3kd4f9q", Objects: 1204, Bytes: 3.21e9,
	Overlay: overlay.Overlay{
		Graph: overlay.Graph{
			Regions: []overlay.Region{
				{Region: "aws:us-east-1", Gateways: 2, Machine: "c7gn.8xlarge", USDPerHour: 1.9968},
				{Region: "local:mid", Gateways: 1, USDPerHour: 0},
			},
			Edges: []overlay.Edge{
				{From: "aws:us-east-1", To: "local:mid", Gbits: 1.2, Connections: 16, USDPerGB: 0.09},
				{From: "local:mid", To: "local:west", Gbits: 1.2, Connections: 16, Assumed: true},
			},
			Routes: []overlay.Route{
				{Path: []region.Region{"aws:us-east-1", "local:mid", "local:west"}, Gbits: 1.2},
				{Path: []region.Region{"aws:us-east-1", "local:mid"}, Gbits: 1.2, Dest: 1},
			},
		},
		Throughput: 1.2, Time: overlay.Time{Provision: 90, Transfer: 21.4},
		Cost: overlay.Cost{Egress: 0.2889, Machines: 0.1236, Requests: 0.0012, Total: 0.4137},
		Gap:  0.001, Bottlenecks: []string{"link local:mid > local:west (1 Gbit/s)"},
	},
	Terraform: orchestrator.TerraformPlan{Dir: "/runs/261122-g3kd4f9q/terraform"},
}

var testResult = orchestrator.Result{
	Run: "261122-g3kd4f9q", Objects: 1204, Bytes: 3.21e9, Done: 1200, Skipped: 1, Failed: 2, Pending: 1,
	TotalS: 123.4, Transfer: 21.4, Gbits: 1.2, Verified: true, By: orchestrator.Verified{Store: 1190, Read: 10}, Retries: 3, Resumed: 17,
	Cost:     orchestrator.Cost{Estimated: 0.4137, Actual: 0.43},
	Routes:   []orchestrator.RouteBytes{{Path: []region.Region{"local:east", "local:west"}, Bytes: 3.21e9}},
	Gateways: 3, Transport: "quic", Transports: []fleet.TransportChoice{{From: "local:east", To: "local:west", Transport: "quic", Reason: "--transport quic"}}, Bottleneck: "writes to local:west", BWLimit: 0.1, Kept: true, Destroy: "skyctl destroy 261122-g3kd4f9q", Different: 1,
	Errors: []orchestrator.ObjectError{
		{Object: "a", Dest: "west://b/a", Error: "denied"},
		{Object: "tab\there", Dest: "west://b/", Error: "other bytes"},
	},
	NotCarried: []orchestrator.NotCarried{{Dest: "west://b/", Field: "tags", Objects: 12}},
}

func TestViews(t *testing.T) {
	for name, v := range map[string]view{
		"plan.golden":     planView(testPlan, "skyctl apply "+string(testPlan.Run)),
		"frontier.golden": frontierView(testFrontier),
		"grid.golden":     func(w io.Writer) error { return gridView(w, testGrid) },
		"result.golden":   func(w io.Writer) error { return resultView(w, testResult) },
	} {
		var out bytes.Buffer
		if err := v(&out); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.Bytes())
	}
}

// A run that came to something and went wrong says both in one document.
func TestResultAndErrorAreOneDocument(t *testing.T) {
	left := &orchestrator.LeftoverError{Run: testResult.Run, Err: errors.New("cloud is down")}
	c, stdout, stderr := newConsole(true)
	if exit := c.finish(c.result(testResult, left)); exit != 7 {
		t.Errorf("exit code %d, want 7", exit)
	}
	golden(t, "result.json", stdout.Bytes())
	golden(t, "result.stderr", stderr.Bytes())
}

func TestASuccessSaysSo(t *testing.T) {
	good := orchestrator.Result{Run: testResult.Run, Objects: 1, Done: 1, Errors: []orchestrator.ObjectError{}}
	c, stdout, _ := newConsole(true)
	if exit := c.finish(c.result(good, nil)); exit != 0 {
		t.Errorf("exit code %d, want 0", exit)
	}
	var doc resultDoc
	if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil || !doc.Success || doc.Error != nil {
		t.Errorf("%s (%v)", stdout, err)
	}
}

// Whoever reads standard output must learn of a failure that keeps the answer
// from it.
func TestAnAnswerThatCannotBeWrittenIsAFailure(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		c, _, stderr := newConsole(asJSON)
		c.stdout = brokenWriter{}
		c.answer(testPlan, planView(testPlan, "skyctl apply "+string(testPlan.Run)))
		if exit := c.finish(nil); exit != 1 {
			t.Errorf("exit code %d, want 1", exit)
		}
		if want := "skyctl: cannot write to standard output: broken\n"; stderr.String() != want {
			t.Errorf("stderr has %q, want %q", stderr, want)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{
		"data/a b+%#?.txt": "data/a b+%#?.txt",
		"größe/日本":         "größe/日本",
		"":                 `""`,
		" lead":            `" lead"`,
		"new\nline":        `"new\nline"`,
		"\x1b[2J":          `"\x1b[2J"`,
		"not\xffutf8":      `"not\xffutf8"`,
		"\u202etxt.exe":    `"\u202etxt.exe"`,
	} {
		if got := printable(name); got != want {
			t.Errorf("printable(%q) = %s, want %s", name, got, want)
		}
	}
}
