package quote

import (
	"testing"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
)

// whole is a store that wants whole parts.
type whole struct{ objstore.Bucket }

func (whole) Limits() objstore.Limits { return objstore.Limits{Buffered: true} }

// TestChunksOfManyReadersFitIntoAWriter: two of each.
func TestChunksOfManyReadersFitIntoAWriter(t *testing.T) {
	const mib = 1 << 20
	for readers, want := range map[int]int64{1: 64 * mib, 2: 64 * mib, 4: 32 * mib, 8: 16 * mib, 64: 5 * mib} {
		l := &layout.Layout{Dests: 1, Routes: map[route.Gateway][]control.Route{}}
		for i := range readers {
			l.Routes[route.Gateway(rune('a'+i))] = []control.Route{{Tree: route.Node{Children: []route.Node{{Gateway: "w", Writes: []route.Dest{0}}}}}}
		}
		got, err := chunkSize(0, 1<<40, 1, l, []objstore.Bucket{whole{}}, 512*mib)
		if err != nil || got != want {
			t.Errorf("%d readers: %d MiB, want %d (%v)", readers, got/mib, want/mib, err)
		}
	}
}
