package transfer

import (
	"fmt"

	"github.com/skyctl/skyctl/agent/objstore"
)

const (
	mib = 1 << 20

	// MinChunk and maxChunk bound the chunk size that nobody asked for.
	MinChunk = 5 * mib
	maxChunk = 64 * mib

	// chunksPerRoute is how many chunks a route should get, so that a slow one
	// can be given fewer.
	chunksPerRoute = 64

	// maxChunks of one object, for stores that do not limit parts: an object
	// in flight keeps a record a chunk in memory.
	maxChunks = 100_000
)

// DefaultChunkSize is the chunk size of a run that moves bytes over so many
// routes: bytes/(64 x routes) in whole MiB, within 5 and 64 MiB.
func DefaultChunkSize(bytes int64, routes int) int64 {
	size := bytes / (chunksPerRoute * int64(max(routes, 1)))
	return min(max(roundUp(size), MinChunk), maxChunk)
}

// ObjectChunkSize is the chunk size of one object of size bytes in a run with
// the chunk size given: larger where a destination's limits on parts need it,
// smaller where an object that would be one chunk is too large for one
// request. The error is an *objstore.Error of KindInvalid if no chunk size
// suits all destinations.
func ObjectChunkSize(run, size int64, dests ...objstore.Limits) (int64, error) {
	chunk := run
	needed := ceil(size, maxChunks)
	for _, l := range dests {
		chunk = max(chunk, l.MinPart)
		if l.MaxParts > 0 {
			needed = max(needed, ceil(size, int64(l.MaxParts)))
		}
	}
	for _, l := range dests {
		if l.MaxPart > 0 {
			chunk = min(chunk, l.MaxPart)
		}
		if l.MaxPut > 0 {
			chunk = min(chunk, l.MaxPut)
		}
	}
	if needed > chunk {
		chunk = roundUp(needed)
	}
	for _, l := range dests {
		whole := size <= chunk
		switch {
		case l.MaxObject > 0 && size > l.MaxObject:
			return 0, tooLarge("the destination takes objects of at most %d bytes, this one has %d", l.MaxObject, size)
		case !whole && l.MaxPart > 0 && chunk > l.MaxPart,
			!whole && chunk < l.MinPart,
			whole && l.MaxPut > 0 && size > l.MaxPut:
			return 0, tooLarge("the destinations, and what agents hold of a part in memory (limits.memory), allow no common part size for an object of %d bytes", size)
		}
	}
	return chunk, nil
}

func tooLarge(format string, args ...any) error {
	return &objstore.Error{Op: "split", Kind: objstore.KindInvalid, Err: fmt.Errorf(format, args...)}
}

func ceil(n, by int64) int64 { return (n + by - 1) / by }

func roundUp(n int64) int64 { return ceil(n, mib) * mib }
