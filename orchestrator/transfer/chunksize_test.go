package transfer

import (
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
)

const (
	gib = int64(1) << 30
	tib = int64(1) << 40
)

// s3 has the limits of Amazon S3.
var s3 = objstore.Limits{MinPart: 5 * mib, MaxPart: 5 * gib, MaxParts: 10_000, MaxPut: 5 * gib, MaxObject: 5 * tib}

func TestDefaultChunkSize(t *testing.T) {
	for _, c := range []struct {
		bytes  int64
		routes int
		want   int64
	}{
		{0, 0, 5 * mib},
		{320 * mib, 1, 5 * mib},
		{320*mib + 64, 1, 6 * mib}, // whole MiB, upwards
		{gib, 1, 16 * mib},
		{gib, 2, 8 * mib},
		{gib, 3, 6 * mib},
		{4 * gib, 1, 64 * mib},
		{100 * tib, 4, 64 * mib},
	} {
		if got := DefaultChunkSize(c.bytes, c.routes); got != c.want {
			t.Errorf("DefaultChunkSize(%d, %d) = %d, want %d", c.bytes, c.routes, got, c.want)
		}
	}
}

func TestObjectChunkSize(t *testing.T) {
	none := objstore.Limits{}
	for _, c := range []struct {
		name      string
		run, size int64
		dests     []objstore.Limits
		want      int64 // 0: impossible
	}{
		{"as the run", 16 * mib, gib, []objstore.Limits{s3}, 16 * mib},
		{"no limits", 1000, 5000, []objstore.Limits{none}, 1000},
		{"least part", mib, gib, []objstore.Limits{none, s3}, 5 * mib},
		{"as many parts as allowed", 5 * mib, 50_000 * mib, []objstore.Limits{s3}, 5 * mib},
		{"one byte more", 5 * mib, 50_000*mib + 1, []objstore.Limits{s3}, 6 * mib},
		{"5 TiB into S3", 64 * mib, 5 * tib, []objstore.Limits{s3}, 525 * mib},
		{"too large for S3", 64 * mib, 5*tib + 1, []objstore.Limits{none, s3}, 0},
		{"memory bounds the parts", mib, 10 * tib, []objstore.Limits{none}, 105 * mib},
		{"largest part", gib, 2 * gib, []objstore.Limits{{MaxPart: 100 * mib}}, 100 * mib},
		{"largest put", gib, gib, []objstore.Limits{{MaxPut: 256 * mib}}, 256 * mib},
		{"too many parts of the largest size", mib, 101 * mib, []objstore.Limits{{MaxPart: 10 * mib, MaxPut: 10 * mib, MaxParts: 10}}, 0},
		{"contradictory stores", mib, gib, []objstore.Limits{s3, {MaxPart: 4 * mib}}, 0},
		{"which a small object does not meet", mib, mib, []objstore.Limits{s3, {MaxPart: 4 * mib}}, 4 * mib},
		{"empty", 5 * mib, 0, []objstore.Limits{s3}, 5 * mib},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ObjectChunkSize(c.run, c.size, c.dests...)
			if got != c.want || (err == nil) != (c.want != 0) {
				t.Errorf("%d, %v; want %d", got, err, c.want)
			}
			if err != nil && objstore.KindOf(err) != objstore.KindInvalid {
				t.Errorf("kind %v", objstore.KindOf(err))
			}
		})
	}
}
