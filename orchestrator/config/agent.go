package config

import (
	"fmt"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// Agent says where the machines of a cloud get skyagent from.
type Agent struct {
	URL    URLs      `yaml:"url"`
	SHA256 Checksums `yaml:"sha256"`
}

// URLs are where the agents are. The file has one URL, with {arch} in it where
// there is an agent of each architecture, or a map: URLs that are signed have
// nothing in common.
type URLs map[region.Arch]string

// Checksums pin an agent of each architecture that there is one of. The file has
// one checksum, for the architecture that the URL names, or a map.
type Checksums map[region.Arch]string

// archMark stands in a URL for the architecture, as Go names it.
const archMark = "{arch}"

// UnmarshalYAML reads a URL, or a map of them by architecture.
func (u *URLs) UnmarshalYAML(unmarshal func(any) error) error {
	return byArch((*map[region.Arch]string)(u), unmarshal, "agent.url", "a URL")
}

// UnmarshalYAML reads a checksum, or a map of them by architecture.
func (s *Checksums) UnmarshalYAML(unmarshal func(any) error) error {
	return byArch((*map[region.Arch]string)(s), unmarshal, "agent.sha256", "a checksum")
}

// MarshalYAML is the form that UnmarshalYAML reads.
func (u URLs) MarshalYAML() (any, error) { return oneOrMap(u), nil }

// MarshalYAML is the form that UnmarshalYAML reads.
func (s Checksums) MarshalYAML() (any, error) { return oneOrMap(s), nil }

// oneOrMap is one value, for which the architecture is empty, or the map.
func oneOrMap(by map[region.Arch]string) any {
	if one, ok := by[""]; ok {
		return one
	}
	return by
}

// byArch reads one value, for which the architecture is empty, or a map of them.
func byArch(into *map[region.Arch]string, unmarshal func(any) error, key, what string) error {
	var one string
	if err := unmarshal(&one); err == nil {
		*into = nil
		if one != "" {
			*into = map[region.Arch]string{"": one} // normalise knows the rest
		}
		return nil
	}
	byName := map[string]string{}
	if err := unmarshal(&byName); err != nil {
		return fmt.Errorf("%s is neither %s nor a map of them by amd64 and arm64", key, what)
	}
	*into = map[region.Arch]string{}
	for name, value := range byName {
		if name == "" {
			return fmt.Errorf("%s: an architecture has no name, write amd64 or arm64", key)
		}
		(*into)[region.Arch(name)] = value
	}
	return nil
}

func (a *Agent) normalise() error {
	one := a.URL[""]
	marked := strings.Contains(one, archMark)
	if sum, ok := a.SHA256[""]; ok {
		if marked || len(a.URL) > 0 && one == "" {
			return fmt.Errorf("agent.sha256: agent.url is of each architecture, write {amd64: …, arm64: …} or the one of them that there is")
		}
		a.SHA256 = Checksums{archOf(one): sum}
	}
	for arch, sum := range sorted(a.SHA256) {
		switch {
		case arch != region.AMD64 && arch != region.ARM64:
			return fmt.Errorf("agent.sha256: %q is no architecture of gateways, those are amd64 and arm64", arch)
		case !sha256Hex.MatchString(sum):
			return fmt.Errorf("agent.sha256: %q is not 64 lower-case hexadecimal digits", sum)
		case len(a.URL) > 0 && one == "" && a.URL[arch] == "":
			return fmt.Errorf("agent.url: there is none for %s, and agent.sha256 has one", arch)
		}
	}
	for arch := range sorted(a.URL) {
		if one == "" && a.SHA256[arch] == "" {
			return fmt.Errorf("agent.sha256: there is none for %s, and agent.url has one; gateways run nothing that is not pinned", arch)
		}
	}
	switch {
	case one != "" && len(a.SHA256) == 0:
		return fmt.Errorf("agent.sha256: missing, gateways run nothing from agent.url that is not pinned")
	case one != "" && len(a.SHA256) > 1 && !marked:
		return fmt.Errorf("agent.url: one file is not of two architectures, write {arch} where its name has amd64 or arm64, or {amd64: …, arm64: …}")
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
	if url := a.URL[arch]; url != "" {
		return url
	}
	return strings.ReplaceAll(a.URL[""], archMark, string(arch))
}
