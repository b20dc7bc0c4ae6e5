package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// environment is a LookupEnv of a map.
func environment(vars map[string]string) LookupEnv {
	return func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}
}

// nothing is the empty environment.
var nothing = environment(nil)

func full(t *testing.T) *Config {
	t.Helper()
	c, err := Load("testdata/full.yaml", environment(map[string]string{
		"EAST_KEY": "key", "EAST_SECRET": "a: {b} # ${AZ}", "AZ": "conn", "RATE": "2.5",
	}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryKey(t *testing.T) {
	c := full(t)
	east := c.Stores["east"]
	if east.Endpoint != "http://127.0.0.1:9001" || !east.PathStyle || !reflect.DeepEqual(east.Region, RegionList{"local:east"}) {
		t.Errorf("east: %+v", east)
	}
	// What a variable holds is text: not YAML, and not expanded again.
	if got := east.Credentials; got["access_key_id"] != "key" || got["secret_access_key"] != "a: {b} # ${AZ}" {
		t.Errorf("credentials: %v", got)
	}
	if got := c.Stores["multi"].Region; !reflect.DeepEqual(got, RegionList{"aws:us-east-1", "aws:us-west-2"}) {
		t.Errorf("regions of multi: %v", got)
	}
	if disk := c.Stores["disk"]; disk.Path != "/tmp/disk" || disk.Region[0] != region.Workstation {
		t.Errorf("disk: %+v", disk)
	}
	if south := c.Regions["local:south"]; !reflect.DeepEqual(south.Hosts, []Host{{NetNS: "lab-south", Address: "198.18.3.1"}}) || south.NetNS != "" {
		t.Errorf("south: %+v", south)
	}
	if rack := c.Regions["ssh:rack1"].Hosts[0]; rack != (Host{Address: "192.0.2.7", User: "ops", IdentityFile: "~/.ssh/id_ed25519"}) {
		t.Errorf("rack1: %+v", rack)
	}
	want := Clouds{
		AWS:   AWS{"p", "123456789012", "r", "b", map[string]AWSNetwork{"us-east-1": {"vpc-1", []string{"subnet-1"}}}},
		GCP:   GCP{"p", "s", "n", map[string]string{"us-central1": "s1"}, map[string][]string{"us-central1": {"us-central1-a"}}},
		Azure: Azure{"s", "t", "g", map[string]string{"westus2": "id"}},
	}
	if !reflect.DeepEqual(c.Clouds, want) {
		t.Errorf("clouds: %+v", c.Clouds)
	}
	if c.Addresses != Private || c.Tags["team"] != "data" || len(c.Control.CIDRs) != 1 || len(c.Hooks.AfterPlan) != 2 ||
		c.Limits != (Limits{4, 128 * unit.MiB}) || c.Terraform.Backend["bucket"] != "state" || len(c.Agent.URL) == 0 || len(c.Allow.Regions) != 2 {
		t.Errorf("the rest: %+v", c)
	}
	if got := c.Relays(); !reflect.DeepEqual(got, []region.Region{"local:east", "local:mid", "local:south", "local:west", "ssh:rack1"}) {
		t.Errorf("relays: %v", got)
	}
}

func TestFigures(t *testing.T) {
	c := full(t)
	g, prices := c.Grid(), c.Prices()
	for _, pair := range []grid.Pair{{From: "local:east", To: "local:west"}, {From: "local:west", To: "local:east"}} {
		l, err := g.Link(pair.From, pair.To)
		if err != nil || l != (grid.Link{Gbps: 0.1, RTT: 80 * time.Millisecond, Connections: 4, Total: true, Source: "configuration"}) {
			t.Errorf("%s: %+v, %v", pair, l, err)
		}
		if p, err := prices.Egress(pair.From, pair.To); err != nil || p.USD != 0.02 || p.Assumed {
			t.Errorf("%s: %+v, %v", pair, p, err)
		}
	}
	if l, err := g.Link("local:east", "local:mid"); err != nil || l.Gbps != 2.5 || l.Connections != 8 || l.Assumed {
		t.Errorf("east > mid: %+v, %v", l, err)
	}
	if p, err := prices.Egress("local:east", "local:mid"); err != nil || !p.Assumed {
		t.Errorf("the price of east > mid is not stated: %+v, %v", p, err)
	}
	if l, err := g.Link("local:mid", "local:east"); err != nil || !l.Assumed {
		t.Errorf("mid > east is not stated: %+v, %v", l, err)
	}
	if _, err := g.Link("aws:us-east-1", "local:workstation"); err == nil {
		t.Error("a link of which only the price is stated has a throughput")
	}
	if p, err := prices.Egress("aws:us-east-1", "local:workstation"); err != nil || p.USD != 0.09 {
		t.Errorf("egress of aws: %+v, %v", p, err)
	}
	if got := g.Gateway("local:west"); got != (grid.Gateway{Egress: 0.1}) {
		t.Errorf("caps of west: %+v", got)
	}
	if p, err := prices.Machine("local:west", ""); err != nil || p.USD != 0.5 {
		t.Errorf("machine in west: %+v, %v", p, err)
	}
}

func TestErrorsNameTheKey(t *testing.T) {
	for in, want := range map[string]string{
		"stroes: {}":                         `c.yaml:1:1: unknown field "stroes"`,
		"regions:\n  local:e: {egres: 1}":    `c.yaml:2:13: unknown field "egres"`,
		"limits: [":                          "c.yaml:1:",
		"tags: {a: 1}\ntags: {b: 2}":         "c.yaml:2:1: mapping key \"tags\" already defined",
		"limits: {gateways_per_region: 1.5}": `"1.5" is not a whole number`,
		"limits: {gateways_per_region: 0}":   "limits.gateways_per_region: 0 is less than 1",
		"limits: {memory: 512}":              `size "512" has no unit`,
		"limits: {memory: 1MiB}":             "limits.memory: 1MiB is less",
		"regions: 3":                         "c.yaml:1:10:",
		"tags: {a: b}\n---\ntags: {}":        "c.yaml:3: configuration is one document",
		"tags: {a: \"${NOPE}\"}":             "c.yaml:1: environment variable NOPE is not set",
		"tags:\n  a: x\n  b: \"x${NOPE\"":    "c.yaml:3: \"${NOPE\" is not ${NAME}",
		"tags: {a: \"${}\"}":                 "is not ${NAME}",
		"stores: {s3: {type: s3}}":           "stores.s3: s3:// is built in",
		"stores: {a_b: {type: s3}}":          "stores.a_b: a store's name is a URL scheme",
		"stores: {x: {}}":                    `stores.x.type: "" is none of`,
		"stores: {x: {type: ftp}}":           `stores.x.type: "ftp" is none of`,
		"stores: {x: {type: s3, endpoint: 'localhost:9000', region: local:e}}":                                    "stores.x.endpoint:",
		"stores: {x: {type: s3, endpoint: 'http://h'}}":                                                           "stores.x.region: missing",
		"stores: {x: {type: s3, region: east}}":                                                                   `stores.x.region: region "east" is not CLOUD:NAME`,
		"stores: {x: {type: s3, region: [aws:a, aws:a]}}":                                                         "stores.x.region: names aws:a twice",
		"stores: {x: {type: s3, region: ssh:r}}":                                                                  "stores.x.region: ssh:r is not in regions",
		"stores: {x: {type: s3, path: /x}}":                                                                       "stores.x.path:",
		"stores: {x: {type: file, path: x}}":                                                                      "stores.x.path: \"x\" is not an absolute path",
		"stores: {x: {type: file, path: /x, endpoint: 'http://h'}}":                                               "stores.x.endpoint:",
		"stores: {x: {type: file, path: /x, region: aws:a}}":                                                      "stores.x.region: files are on hosts of your own",
		"stores: {x: {type: file, path: /x, region: ssh:r, host: b}}\nregions:\n  ssh:r: {hosts: [{address: a}]}": "stores.x.host: \"b\" is not the address",
		"regions: {east: {}}":                                                                                     "regions.east: region \"east\" is not CLOUD:NAME",
		"regions:\n  ssh:r: {}":                                                                                   "regions.ssh:r.hosts: missing",
		"regions:\n  aws:a: {hosts: [{address: h}]}":                                                              "regions.aws:a.hosts:",
		"regions:\n  local:e: {hosts: [{netns: n}]}":                                                              "regions.local:e.hosts[0].address: missing",
		"regions:\n  local:e: {netns: n}":                                                                         "regions.local:e.hosts[0].address: missing",
		"regions:\n  local:e: {hosts: [{address: 'h:22'}]}":                                                       "regions.local:e.hosts[0].address:",
		"regions:\n  local:e: {hosts: [{address: h}], address: h}":                                                "regions.local:e: has both",
		"regions:\n  ssh:r: {hosts: [{address: h, netns: n}]}":                                                    "regions.ssh:r.hosts[0].netns:",
		"regions:\n  local:e: {hosts: [{address: h, user: u}]}":                                                   "regions.local:e.hosts[0].user:",
		"regions:\n  local:e: {egress_gbps: -1}":                                                                  "regions.local:e.egress_gbps: -1 is negative",
		"regions:\n  local:e: {egress_gbps: 0}":                                                                   "regions.local:e.egress_gbps: 0 is no figure",
		"regions:\n  local:e: {usd_per_hour: .nan}":                                                               "regions.local:e.usd_per_hour: NaN is not",
		"regions:\n  local:e: {ingress_gbps: .inf}":                                                               "regions.local:e.ingress_gbps: +Inf is not",
		"links: [{from: local:e, to: aws:a, gbps: 1}]":                                                            "links[0].from: local:e is not in regions",
		"links: [{to: aws:a, gbps: 1}]":                                                                           "links[0].from: region \"\" is not CLOUD:NAME",
		"links: [{from: aws:a, to: aws:a, gbps: 1}]":                                                              "links[0]: from and to are both aws:a",
		"links: [{from: aws:a, to: aws:b}]":                                                                       "links[0]: says nothing",
		"links: [{from: aws:a, to: aws:b, usd_per_gb: 1, rtt_ms: 1}]":                                             "links[0].gbps: missing",
		"links: [{from: aws:a, to: aws:b, gbps: 1e9}]":                                                            "links[0].gbps: 1e+09 is too large",
		"links: [{from: aws:a, to: aws:b, gbps: 1, connections: 65}]":                                             "links[0].connections: 65 is not between 1 and 64",
		"links: [{from: aws:a, to: aws:b, gbps: 1, usd_per_gb: -0.1}]":                                            "links[0].usd_per_gb: -0.1 is negative",
		"links: [{from: aws:a, to: aws:b, gbps: 1}, {from: aws:b, to: aws:a, gbps: 1, both: true}]":               "links[1]: links[0] already has aws:a > aws:b",
		"allow: {regions: [x]}":                                                                                   "allow.regions[0]:",
		"addresses: secret":                                                                                       "addresses: \"secret\" is neither",
		"control: {cidrs: [10.0.0.1]}":                                                                            "control.cidrs: \"10.0.0.1\" is neither",
		"agent: {url: 'https://x'}":                                                                               "agent.sha256: missing",
		"agent: {sha256: abc}":                                                                                    "agent.sha256: \"abc\" is not 64",
		"agent: {url: 'https://x', sha256: 7}":                                                                    "agent.sha256: \"7\" is not 64",
		"agent: {url: 'https://x', sha256: [a]}":                                                                  "agent.sha256 is neither a checksum nor a map",
		"agent: {url: 'https://x', sha256: {'': a}}":                                                              "agent.sha256: an architecture has no name",
		"agent: {url: 'https://x', sha256: {mips: " + sum + "}}":                                                  "agent.sha256: \"mips\" is no architecture",
		"agent: {url: 'https://x', sha256: {amd64: " + sum + ", arm64: " + sum + "}}":                             "agent.url: one file is not of two",
		"agent: {url: 'https://x/{arch}', sha256: " + sum + "}":                                                   "agent.sha256: agent.url is of each architecture",
		"agent: {url: {amd64: 'https://x'}, sha256: " + sum + "}":                                                 "agent.sha256: agent.url is of each architecture",
		"agent: {url: {amd64: 'https://x'}, sha256: {arm64: " + sum + "}}":                                        "agent.url: there is none for arm64",
		"agent: {url: {amd64: 'https://x', arm64: 'https://y'}, sha256: {arm64: " + sum + "}}":                    "agent.sha256: there is none for amd64",
		"agent: {url: [a]}":                                                                                       "agent.url is neither a URL nor a map",
		"hooks: {after_plan: ['']}":                                                                               "hooks.after_plan:",
		"terraform: {backend: {bucket: b}}":                                                                       "terraform.backend.type: missing",
		"terraform: {backend: {type: consul}}":                                                                    `terraform.backend.type: "consul" is none of azurerm, gcs, http, local, pg, s3`,
		"terraform: {backend: {type: s3, secret_key: x}}":                                                         "terraform.backend.secret_key: it would be rendered",
		"terraform: {backend: {type: s3, assume_role_with_web_identity: {web_identity_token: x}}}":                "terraform.backend.assume_role_with_web_identity.web_identity_token: it would",
		"terraform: {backend: {type: pg, conn_str: 'postgres://u:p@h/d'}}":                                        "set the environment variable PG_CONN_STR",
		"terraform: {backend: {type: http}}":                                                                      "terraform.backend.address: missing",
		"terraform: {backend: {type: http, address: 'http://u:p@h/{run}'}}":                                       "terraform.backend.address: a URL with a user",
		"terraform: {backend: {type: http, address: 'http://h/{run}', lock_address: 'http://h/lock'}}":            "terraform.backend.lock_address: http://h/lock has no {run}",
		"tags: {'': x}": "tags: a tag has no name",
	} {
		_, err := Parse("c.yaml", []byte(in), nothing)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "c.yaml:") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\n  got  %v\n  want %s", in, err, want)
		}
	}
}

func TestRegionsInBrackets(t *testing.T) {
	c, err := Parse("c.yaml", []byte(`
regions: {local:east: {}, local:b2: {egress_gbps: 1}, "local:c": {}, ssh:7: {hosts: [{address: h}]}, local:d:}
allow: {regions: [local:east, ssh:7 , "local:c"], machines: []}
links: [{from: local:east, to: local:b2, gbps: 1}]
`), nothing)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Relays(); !reflect.DeepEqual(got, []region.Region{"local:b2", "local:c", "local:d", "local:east", "ssh:7"}) {
		t.Errorf("regions: %v", got)
	}
	if !reflect.DeepEqual(c.Allow.Regions, []region.Region{"local:east", "ssh:7", "local:c"}) {
		t.Errorf("allowed: %v", c.Allow.Regions)
	}
	if _, err := Parse("c.yaml", []byte("tags: {a: [local: east]}"), nothing); err == nil {
		t.Error("a mapping with a space is taken for a string")
	}
}

func TestVariablesOfEveryType(t *testing.T) {
	c, err := Parse("c.yaml", []byte(`
stores:
  x: {type: s3, endpoint: "http://${HOST}:9000", region: "${REGION}"}
regions:
  local:east: {address: "${HOST}"}
links:
  - {from: "${REGION}", to: "${TO}", gbps: "${GBPS}", connections: "${N}"}
limits:
  gateways_per_region: ${N} # a comment
  memory: ${MEMORY}
control: {cidrs: "${CIDR}"}
hooks:
  after_plan:
    - |
      ${HOST} "quoted" \n
`), environment(map[string]string{
		"HOST": "198.18.0.1", "REGION": "local:east", "TO": "aws:us-east-1", "GBPS": "0.5", "N": "3", "MEMORY": "64MiB", "CIDR": "192.0.2.0/24",
	}))
	if err != nil {
		t.Fatal(err)
	}
	l := c.Links[0]
	if c.Stores["x"].Endpoint != "http://198.18.0.1:9000" || c.Stores["x"].Region[0] != "local:east" || c.Regions["local:east"].Hosts[0].Address != "198.18.0.1" ||
		l.From != "local:east" || l.To != "aws:us-east-1" || *l.Gbps != 0.5 || *l.Connections != 3 ||
		c.Limits != (Limits{3, 64 * unit.MiB}) || c.Control.CIDRs[0] != "192.0.2.0/24" || c.Hooks.AfterPlan[0] != "198.18.0.1 \"quoted\" \\n\n" {
		t.Errorf("%+v", c)
	}
}

func TestEmptyIsDefault(t *testing.T) {
	for _, in := range []string{"", "# nothing\n", "---\n", "stores:\n", "{}", "control: {cidrs: auto}"} {
		c, err := Parse("c.yaml", []byte(in), nothing)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		c.File = ""
		if want := Default(); c.Limits != want.Limits || c.Addresses != want.Addresses || len(c.Stores)+len(c.Control.CIDRs) != 0 {
			t.Errorf("%q: %+v", in, c)
		}
	}
}

func TestSearchOrder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, tag string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("tags: {from: "+tag+"}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	xdg := filepath.Join(dir, "xdg")
	env := environment(map[string]string{"XDG_CONFIG_HOME": xdg, "HOME": filepath.Join(dir, "home")})
	check := func(path string, env LookupEnv, want string) {
		t.Helper()
		c, err := Load(path, env)
		if err != nil || c.Tags["from"] != want {
			t.Errorf("Load(%q): tag %q, %v; want %q", path, c.Tags["from"], err, want)
		}
	}
	check("", env, "")
	write(filepath.Join(dir, "home/.config/skyctl/skyctl.yaml"), "home")
	check("", env, "") // XDG_CONFIG_HOME replaces ~/.config
	check("", environment(map[string]string{"HOME": filepath.Join(dir, "home")}), "home")
	write(filepath.Join(xdg, "skyctl/skyctl.yaml"), "xdg")
	check("", env, "xdg")
	write("skyctl.yaml", "here")
	check("", env, "here")
	write("other.yaml", "other")
	check("other.yaml", env, "other")
	if _, err := Load("missing.yaml", env); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("a named file that is missing: %v", err)
	}
}

func TestConfiguredClouds(t *testing.T) {
	if got := full(t).Clouds.Configured(); !reflect.DeepEqual(got, []region.Cloud{region.AWS, region.Azure, region.GCP}) {
		t.Errorf("full: %v", got)
	}
	if got := Default().Clouds.Configured(); len(got) != 0 {
		t.Errorf("default: %v", got)
	}
	c, err := Parse("one", []byte("clouds: {gcp: {project: p}}"), nothing)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Clouds.Configured(); !reflect.DeepEqual(got, []region.Cloud{region.GCP}) {
		t.Errorf("one: %v", got)
	}
}
