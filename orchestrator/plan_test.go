package orchestrator

import (
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// TestObjectsThatNoAgentHoldsAPartOf are known when they are listed: 3 TiB in
// 10,000 parts are 315 MiB each, and of 512 MiB half is for parts.
func TestObjectsThatNoAgentHoldsAPartOf(t *testing.T) {
	const mib, tib = 1 << 20, 1 << 40
	s3 := objstore.Limits{MinPart: 5 * mib, MaxPart: 5 << 30, MaxParts: 10_000, MaxPut: 5 << 30, Buffered: true}
	for _, c := range []struct {
		limits       objstore.Limits
		size, memory int64
		possible     bool
	}{
		{s3, 2 * tib, 512 * mib, true},
		{s3, 3 * tib, 512 * mib, false},
		{s3, 3 * tib, 1024 * mib, true},
		{objstore.Limits{}, 30 * tib, 64 * mib, true}, // files take a part as it arrives
	} {
		_, err := transfer.ObjectChunkSize(5*mib, c.size, held(c.limits, c.memory))
		if (err == nil) != c.possible || err != nil && objstore.KindOf(err) != objstore.KindInvalid {
			t.Errorf("%d bytes with %d of memory: %v", c.size, c.memory, err)
		}
	}
}
