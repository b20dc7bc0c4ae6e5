package config

import (
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/region"
)

var sum = strings.Repeat("a", 64)

func TestAgentOfEachArchitecture(t *testing.T) {
	for in, want := range map[string]map[region.Arch]string{
		"{}": {},
		"{url: 'https://x/skyagent', sha256: " + sum + "}":                                                              {region.AMD64: "https://x/skyagent"},
		"{url: 'https://x/skyagent-arm64', sha256: '" + sum + "'}":                                                      {region.ARM64: "https://x/skyagent-arm64"},
		"{url: 'https://x/agent-aarch64', sha256: " + sum + "}":                                                         {region.ARM64: "https://x/agent-aarch64"},
		"{url: {amd64: 'https://x/a?s=1', arm64: 'https://x/b?s=2'}, sha256: {arm64: " + sum + ", amd64: " + sum + "}}": {region.AMD64: "https://x/a?s=1", region.ARM64: "https://x/b?s=2"},
		"{url: {arm64: 'https://x/b'}, sha256: {arm64: " + sum + "}}":                                                   {region.ARM64: "https://x/b"},
		"{url: 'https://x/skyagent', sha256: {arm64: " + sum + "}}":                                                     {region.ARM64: "https://x/skyagent"},
		"{url: 'https://x/{arch}/skyagent', sha256: {arm64: " + sum + "}}":                                              {region.ARM64: "https://x/arm64/skyagent"},
		"{url: 'https://x/{arch}/skyagent', sha256: {arm64: " + sum + ", amd64: " + sum + "}}":                          {region.AMD64: "https://x/amd64/skyagent", region.ARM64: "https://x/arm64/skyagent"},
	} {
		c, err := Parse("c.yaml", []byte("agent: "+in), nothing)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		for _, arch := range []region.Arch{region.AMD64, region.ARM64} {
			if got := c.Agent.URLFor(arch); got != want[arch] {
				t.Errorf("%s: the agent for %s is at %q, want %q", in, arch, got, want[arch])
			}
		}
	}
}
