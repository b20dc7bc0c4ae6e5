package config

import (
	"fmt"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// Agent says where the machines of a cloud get skyagent from.
type Agent struct {
	URL    string    `yaml:"url"` // with {arch} in it where there is one of each architecture
	SHA256 Checksums `yaml:"sha256"`
}

// Checksums pin an agent of each architecture that there is one of. The file has
// one checksum, for the architecture that the URL names, or a map.
type Checksums map[region.Arch]string

// archMark stands in a URL for the architecture, as Go names it.
const archMark = "{arch}"

// UnmarshalYAML reads a checksum, or a map of them by architecture.
func (s *Checksums) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if err := unmarshal(&one); err == nil {
		*s = nil
		if one != "" {
			*s = Checksums{"": one} // normalise knows the URL
		}
		return nil
	}
	byName := map[string]string{}
	if err := unmarshal(&byName); err != nil {
		return fmt.Errorf("agent.sha256 is neither a checksum nor a map of them by amd64 and arm64")
	}
	*s = Checksums{}
	for name, sum := range byName {
		if name == "" {
			return fmt.Errorf("agent.sha256: an architecture has no name, write amd64 or arm64")
		}
		(*s)[region.Arch(name)] = sum
	}
	return nil
}

func (a *Agent) normalise() error {
	marked := strings.Contains(a.URL, archMark)
	if sum, ok := a.SHA256[""]; ok {
		if marked {
			return fmt.Errorf("agent.sha256: agent.url has {arch}, write {amd64: …, arm64: …} or the one of them that there is")
		}
		a.SHA256 = Checksums{archOf(a.URL): sum}
	}
	for arch, sum := range sorted(a.SHA256) {
		switch {
		case arch != region.AMD64 && arch != region.ARM64:
			return fmt.Errorf("agent.sha256: %q is no architecture of gateways, those are amd64 and arm64", arch)
		case !sha256Hex.MatchString(sum):
			return fmt.Errorf("agent.sha256: %q is not 64 lower-case hexadecimal digits", sum)
		}
	}
	switch {
	case a.URL != "" && len(a.SHA256) == 0:
		return fmt.Errorf("agent.sha256: missing, gateways run nothing from agent.url that is not pinned")
	case len(a.SHA256) > 1 && !marked:
		return fmt.Errorf("agent.url: one file is not of two architectures, write {arch} where its name has amd64 or arm64")
	}
	return nil
}

// archOf is what the URL of one agent says of it: x86 unless it names Arm.
func archOf(url string) region.Arch {
	if strings.Contains(url, "arm64") || strings.Contains(url, "aarch64") {
		return region.ARM64
	}
	return region.AMD64
}

// URLFor is where the agent of an architecture is. It is empty if there is none.
func (a Agent) URLFor(arch region.Arch) string {
	if a.SHA256[arch] == "" {
		return ""
	}
	return strings.ReplaceAll(a.URL, archMark, string(arch))
}
