package labfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/skyctl/skyctl/orchestrator/unit"
)

// name is what names of labs and regions are made of: they become names of
// namespaces, regions and URL schemes.
var name = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)

// reserved are schemes of skyctl that no store of a lab may take.
var reserved = []string{Operator, "s3", "gs", "az", "azure", "r2", "file", "workstation"}

// Load reads a lab file.
func Load(path string) (*Lab, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the lab file cannot be read: %w", err)
	}
	return Parse(path, text)
}

// Parse reads a lab file from text; path is for messages and the lab's name.
func Parse(path string, text []byte) (*Lab, error) {
	lab := &Lab{Text: text, Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))}
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(),
		yaml.CustomUnmarshaler(func(b *unit.Bytes, text []byte) error {
			var s string
			if err := yaml.Unmarshal(text, &s); err != nil {
				return err
			}
			return b.UnmarshalText([]byte(s))
		})).Decode(lab)
	if err != nil {
		var y yaml.Error
		if errors.As(err, &y) && y.GetToken() != nil {
			return nil, fmt.Errorf("%s:%d: %s", path, y.GetToken().Position.Line, strings.ReplaceAll(y.GetMessage(), "\n", " "))
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	lab.fill()
	if err := lab.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return lab, nil
}

// fill puts the defaults in.
func (l *Lab) fill() {
	for n, r := range l.Regions {
		if r.Hosts == 0 {
			r.Hosts = 1
		}
		if r.RTT == 0 {
			r.RTT = time.Millisecond
		}
		l.Regions[n] = r
	}
	if l.Operator.RTT == 0 {
		l.Operator.RTT = 10 * time.Millisecond
	}
	if l.Operator.Mbit == 0 {
		l.Operator.Mbit = 100
	}
	for i := range l.Links {
		if l.Links[i].Connections == 0 {
			l.Links[i].Connections = 8
		}
	}
}

func (l *Lab) check() error {
	switch {
	case !name.MatchString(l.Name):
		return fmt.Errorf("name: %q is not up to 20 of a-z, 0-9 and -, beginning with a letter", l.Name)
	case len(l.Regions) == 0:
		return errors.New("regions: missing, a lab has at least one")
	case len(l.Regions) > maxRegions:
		return fmt.Errorf("regions: %d are too many, a lab has at most %d", len(l.Regions), maxRegions)
	case l.Operator.RTT < 0 || l.Operator.Mbit < 0 || l.Operator.USDPerGB < 0:
		return errors.New("operator: rtt, mbit and usd_per_gb are not negative")
	}
	for _, n := range l.Names() {
		r := l.Regions[n]
		switch {
		case !name.MatchString(n) || slices.Contains(reserved, n):
			return fmt.Errorf("regions.%s: choose a name of up to 20 of a-z, 0-9 and - that is no URL scheme of skyctl", n)
		case r.Hosts < 0 || r.Hosts > maxHosts:
			return fmt.Errorf("regions.%s.hosts: %d is not between 1 and %d", n, r.Hosts, maxHosts)
		case r.EgressMbit < 0 || r.IngressMbit < 0 || r.RTT < 0 || r.USDPerHour < 0:
			return fmt.Errorf("regions.%s: caps, rtt and prices are not negative", n)
		}
	}
	if err := l.checkLinks(); err != nil {
		return err
	}
	if l.Job == nil {
		return nil
	}
	if err := l.checkJob(l.Job); err != nil {
		return fmt.Errorf("job%w", err)
	}
	return nil
}

// checkLinks wants every pair of regions to be told of, once: for a pair that
// nobody told of skyctl would assume a fast link.
func (l *Lab) checkLinks() error {
	told := map[[2]string]bool{}
	for i := range l.Links {
		k := &l.Links[i]
		path := fmt.Sprintf("links[%d]", i)
		for _, end := range []string{k.From, k.To} {
			if _, ok := l.Regions[end]; !ok {
				return fmt.Errorf("%s: %q is not in regions", path, end)
			}
		}
		switch {
		case k.From == k.To:
			return fmt.Errorf("%s: from and to are both %s; regions.%s.rtt is what its hosts are apart", path, k.From, k.From)
		case k.Mbit <= 0:
			return fmt.Errorf("%s.mbit: missing, say what the link carries", path)
		case k.USDPerGB < 0 || k.Connections < 1 || k.Connections > 64:
			return fmt.Errorf("%s: usd_per_gb is not negative, connections are 1 to 64", path)
		}
		if link := k.Shape(); link.Check() != nil {
			return fmt.Errorf("%s: %w", path, link.Check())
		}
		for _, pair := range k.pairs() {
			if told[pair] {
				return fmt.Errorf("%s: %s to %s is told of twice", path, pair[0], pair[1])
			}
			told[pair] = true
		}
	}
	for _, a := range l.Names() {
		for _, b := range l.Names() {
			if a != b && !told[[2]string{a, b}] {
				return fmt.Errorf("links: %s to %s is missing, add it; down: true keeps it down", a, b)
			}
		}
	}
	return nil
}

// checkJob checks a job; its errors continue its path.
func (l *Lab) checkJob(j *Job) error {
	for _, n := range append([]string{j.From}, j.To...) {
		if r, ok := l.Regions[n]; !ok || r.NoStore {
			return fmt.Errorf(": %q is no region with a store", n)
		}
	}
	switch {
	case len(j.To) == 0 || slices.Contains(j.To, j.From):
		return errors.New(".to: name one or several regions other than from")
	case j.Objects < 1 || j.Size < 1:
		return errors.New(": objects and size are at least 1")
	case j.Gateways < 0:
		return errors.New(".gateways: not negative")
	}
	for i, c := range j.Changes {
		if _, ok := l.Regions[c.From]; !ok {
			return fmt.Errorf(".changes[%d].from: %q is not in regions", i, c.From)
		}
		if _, ok := l.Regions[c.To]; !ok && c.To != "" {
			return fmt.Errorf(".changes[%d].to: %q is not in regions", i, c.To)
		}
		if c.At < 0 || c.At >= 1 || c.Mbit < 0 || c.Resume < 0 {
			return fmt.Errorf(".changes[%d]: at is a share in [0, 1), mbit and resume are not negative", i)
		}
	}
	return nil
}

// pairs are the directions that a link is about.
func (l *Link) pairs() [][2]string {
	pairs := [][2]string{{l.From, l.To}}
	if !l.OneWay {
		pairs = append(pairs, [2]string{l.To, l.From})
	}
	return pairs
}

// Names returns the regions' names, sorted.
func (l *Lab) Names() []string { return slices.Sorted(maps.Keys(l.Regions)) }
