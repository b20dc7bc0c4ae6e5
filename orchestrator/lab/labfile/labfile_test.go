package labfile

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/region"
)

var update = flag.Bool("update", false, "write the golden files")

const small = `
regions:
  east: {hosts: 2, egress_mbit: 10, usd_per_hour: 0.5}
  mid: {no_store: true}
  west: {rtt: 3ms}
operator: {rtt: 20ms}
links:
  - {from: east, to: west, rtt: 80ms, mbit: 20, loss: 0.01, burst: 5, queue: 256KiB, usd_per_gb: 0.02, jitter: 2ms}
  - {from: east, to: mid, mbit: 100, connections: 16}
  - {from: mid, to: west, mbit: 50, one_way: true}
  - {from: west, to: mid, mbit: 5, one_way: true, no_udp: true}
job: {from: east, to: [west], objects: 3, size: 1MB, changes: [{at: 0.5, from: mid, down: true}]}
`

func TestConfigurations(t *testing.T) {
	lab, err := Parse("dir/small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	keys := Credentials{AccessKey: "lab", SecretKey: "secret"}
	for name, got := range map[string][]byte{
		"skyctl.yaml.golden": lab.SkyctlConfig(17, keys),
		"rclone.conf.golden": lab.RcloneConfig(17, keys),
	} {
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
		if string(got) != string(want) {
			t.Errorf("%s differs; run with -update and look at the difference:\n%s", name, got)
		}
	}
	cfg, err := config.Parse("skyctl.yaml", lab.SkyctlConfig(17, keys), os.LookupEnv)
	if err != nil {
		t.Fatalf("skyctl does not accept the lab's configuration: %v", err)
	}
	if got := cfg.Regions[region.Region("local:east")].Hosts; len(got) != 2 || got[1].NetNS != "lab-small-east-2" || got[1].Address != "198.19.17.2" {
		t.Errorf("hosts %+v", got)
	}
}

func TestShapes(t *testing.T) {
	lab, err := Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	k := lab.Link("west", "east") // both ways
	s := k.Shape()
	if s.Rate != 20e6 || s.Delay != 40*time.Millisecond || s.Jitter != 2*time.Millisecond || s.Loss != 0.01 || s.Burst != 5 || s.Queue != 256<<10 {
		t.Errorf("%+v", s)
	}
	if k := lab.Link("west", "mid"); !k.NoUDP || k.Mbit != 5 {
		t.Errorf("%+v", k)
	}
	if lab.Operator.Mbit != 100 || lab.Regions["mid"].RTT != time.Millisecond || lab.Regions["mid"].Hosts != 1 {
		t.Errorf("defaults: %+v", lab)
	}
	if got := lab.MaxGateways(); got != 2 {
		t.Errorf("%d gateways a region", got)
	}
}

func TestWrongFiles(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"unknown key", "no_store: true", "nostore: true", "small.yaml:4: "},
		{"unknown region", "from: mid, to: west", "from: mid, to: south", `"south" is not in regions`},
		{"a pair forgotten", "  - {from: east, to: mid, mbit: 100, connections: 16}\n", "", "links: east to mid is missing"},
		{"a pair twice", "from: mid, to: west, mbit: 50, one_way: true", "from: mid, to: west, mbit: 50", "west to mid is told of twice"},
		{"to itself", "from: east, to: mid", "from: east, to: east", "are both east"},
		{"no rate", "mbit: 100, ", "", "links[1].mbit: missing"},
		{"loss", "loss: 0.01", "loss: 1", "loss 1 is not a share"},
		{"a scheme of skyctl", "  mid: ", "  s3: ", "is no URL scheme of skyctl"},
		{"name", "\nregions", "\nname: Big Lab\nregions", `name: "Big Lab"`},
		{"job", "from: east, to: [west], objects", "from: east, to: [mid], objects", `job: "mid" is no region with a store`},
		{"change", "at: 0.5", "at: 1", "job.changes[0]: at is a share"},
		{"size", "size: 1MB", "size: 1", "has no unit"},
		{"too many hosts", "hosts: 2", "hosts: 2000", "regions.east.hosts: 2000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.from, c.to, 1)
			if text == small {
				t.Fatal("nothing was replaced")
			}
			_, err := Parse("small.yaml", []byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want one line with %q", err, c.want)
			}
		})
	}
}

// The scenarios are all good, and their networks distinct.
func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("../scenarios/*.yaml")
	if err != nil || len(paths) != 9 {
		t.Fatalf("%d scenarios (%v), want 9", len(paths), err)
	}
	for _, path := range paths {
		lab, err := Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if lab.Title == "" || lab.Job == nil {
			t.Errorf("%s: a scenario has a title and a job", path)
		}
	}
}

func TestBlocksAreDisjoint(t *testing.T) {
	for b := range Blocks {
		n := Network(b)
		if !n.Contains(OperatorAddress(b)) || !n.Contains(address(b, maxRegions, storeHost)) {
			t.Errorf("block %d: addresses are outside of %v", b, n)
		}
		if b > 0 && n.Overlaps(Network(b-1)) {
			t.Errorf("blocks %d and %d overlap", b-1, b)
		}
	}
	if last := Network(Blocks - 1); last.String() != "198.19.240.0/20" {
		t.Errorf("the last block is %v", last)
	}
}
