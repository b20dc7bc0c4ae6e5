package places

import (
	"errors"
	"reflect"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
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
		p     Places
		want  [][]region.Region // of the source, then the destinations
		fails bool
	}{
		{"from R2", Places{Source: at("r2"), Dests: []config.Location{at("s3", east), at("gs", west, east)}},
			[][]region.Region{{east, west}, {east}, {west, east}}, false},
		{"to R2", Places{Source: at("s3", east), Dests: []config.Location{at("r2"), at("gs", west)}},
			[][]region.Region{{east}, {east, west}, {west}}, false},
		{"R2 alone", Places{Source: at("r2"), Dests: []config.Location{at("r2")}}, nil, true},
		{"a bucket that is nowhere", Places{Source: at("s3", east), Dests: []config.Location{at("gs")}}, nil, true},
	} {
		err := c.p.settle()
		if refused := (*failure.PreconditionError)(nil); c.fails {
			if !errors.As(err, &refused) || refused.Hint == "" {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		got := [][]region.Region{c.p.Source.Regions}
		for _, d := range c.p.Dests {
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
		req     Copy
		source  string
		dests   []string
		refused bool
	}{
		{"links of files", Copy{Symlinks: objstore.SymlinksCopy}, "file", []string{"s3"}, false},
		{"links of S3", Copy{Symlinks: objstore.SymlinksCopy}, "s3", []string{"file"}, true},
		{"a key for S3", Copy{KMSKey: "k"}, "gcs", []string{"s3"}, false},
		{"a key for one of two", Copy{KMSKey: "k"}, "gcs", []string{"s3", "file"}, true},
		{"classes", Copy{StorageClasses: map[string]string{"*": "COOL"}}, "file", []string{"azblob"}, false},
		{"classes of files", Copy{StorageClasses: map[string]string{"*": "COOL"}}, "s3", []string{"file"}, true},
		{"the reader pays", Copy{RequesterPays: true}, "gcs", []string{"file"}, false},
		{"nobody can pay", Copy{RequesterPays: true}, "azblob", []string{"file"}, true},
	} {
		p := Places{Source: of(c.source)}
		for _, d := range c.dests {
			p.Dests = append(p.Dests, of(d))
		}
		err := p.instruct(c.req)
		if wrong := (*failure.UsageError)(nil); errors.As(err, &wrong) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
