package orchestrator

import (
	"errors"
	"reflect"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// TestSettle: R2 is wherever the other side is; nothing else may be nowhere.
func TestSettle(t *testing.T) {
	at := func(store string, regions ...region.Region) config.Location {
		return config.Location{URL: store + "://b", Store: store, Regions: regions}
	}
	const east, west = region.Region("aws:us-east-1"), region.Region("gcp:us-west1")
	for _, c := range []struct {
		name  string
		p     places
		want  [][]region.Region // of the source, then the destinations
		fails bool
	}{
		{"from R2", places{source: at("r2"), dests: []config.Location{at("s3", east), at("gs", west, east)}},
			[][]region.Region{{east, west}, {east}, {west, east}}, false},
		{"to R2", places{source: at("s3", east), dests: []config.Location{at("r2"), at("gs", west)}},
			[][]region.Region{{east}, {east, west}, {west}}, false},
		{"R2 alone", places{source: at("r2"), dests: []config.Location{at("r2")}}, nil, true},
		{"a bucket that is nowhere", places{source: at("s3", east), dests: []config.Location{at("gs")}}, nil, true},
	} {
		err := c.p.settle()
		if refused := (*PreconditionError)(nil); c.fails {
			if !errors.As(err, &refused) || refused.Hint == "" {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		got := [][]region.Region{c.p.source.Regions}
		for _, d := range c.p.dests {
			got = append(got, d.Regions)
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

// TestInstruct: a flag that no store of the request knows is wrong usage; one
// that some know is theirs.
func TestInstruct(t *testing.T) {
	of := func(kind string) config.Location {
		return config.Location{URL: kind + "://b", Config: objstore.Config{Type: kind}}
	}
	for _, c := range []struct {
		name    string
		req     Request
		source  string
		dests   []string
		refused bool
	}{
		{"links of files", Request{Symlinks: objstore.SymlinksCopy}, "file", []string{"s3"}, false},
		{"links of S3", Request{Symlinks: objstore.SymlinksCopy}, "s3", []string{"file"}, true},
		{"a key for S3", Request{KMSKey: "k"}, "gcs", []string{"s3"}, false},
		{"a key for one of two", Request{KMSKey: "k"}, "gcs", []string{"s3", "file"}, true},
		{"classes", Request{StorageClasses: map[string]string{"*": "COOL"}}, "file", []string{"azblob"}, false},
		{"classes of files", Request{StorageClasses: map[string]string{"*": "COOL"}}, "s3", []string{"file"}, true},
		{"the reader pays", Request{RequesterPays: true}, "gcs", []string{"file"}, false},
		{"nobody can pay", Request{RequesterPays: true}, "azblob", []string{"file"}, true},
	} {
		p := places{source: of(c.source)}
		for _, d := range c.dests {
			p.dests = append(p.dests, of(d))
		}
		err := p.instruct(c.req)
		if wrong := (*UsageError)(nil); errors.As(err, &wrong) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
