package accounttest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// WantRoom holds what a room lacks, sorted, each with the machines that count
// and what each counts for, and the zones of machine types, against what they
// should be.
func WantRoom(t testing.TB, got account.Room, short []string, zones map[region.Kind][]string) {
	t.Helper()
	var lacks []string
	for _, s := range got.Short {
		lacks = append(lacks, fmt.Sprintf("%s %v", s, s.Machines))
	}
	slices.Sort(lacks)
	if !slices.Equal(lacks, short) {
		t.Errorf("lacking is\n%s\nwant\n%s", strings.Join(lacks, "\n"), strings.Join(short, "\n"))
	}
	for k, want := range zones {
		if have, known := got.Zones[k]; !known || !reflect.DeepEqual(have, want) {
			t.Errorf("%v: zones %q, %t; want %q", k, have, known, want)
		}
	}
}
