package wire

import (
	"fmt"
	"math"
	"slices"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// Dests is what the writers of a chunk need to know. It is a block of its own
// in the header because only writers may read it.
type Dests struct {
	Offset   int64             // where the chunk starts in the object
	Metadata objstore.Metadata // of the object, for destinations that put it whole
	Dests    []Dest
}

// Dest is where one destination wants the chunk.
type Dest struct {
	Number route.Dest
	Store  string
	Key    string
	Upload *objstore.Upload // nil: the chunk is the whole object
}

const (
	maxKey      = 4096 // S3 allows 1,024, a path 4,096
	maxStore    = 256
	maxUploadID = 24 << 10 // that of Azure holds the metadata, 8 KiB and more in base64
)

// Find returns the destination with the given number.
func (d *Dests) Find(number route.Dest) (Dest, bool) {
	i := slices.IndexFunc(d.Dests, func(x Dest) bool { return x.Number == number })
	if i < 0 {
		return Dest{}, false
	}
	return d.Dests[i], true
}

// Check tells whether the block is within the limits that ParseDests keeps.
func (d *Dests) Check() error {
	if len(d.Dests) > math.MaxUint8 {
		return fmt.Errorf("a chunk has at most %d destinations, not %d", math.MaxUint8, len(d.Dests))
	}
	for _, x := range d.Dests {
		switch {
		case len(x.Store) > maxStore:
			return long("the store's name", len(x.Store), maxStore)
		case len(x.Key) > maxKey:
			return long("the key", len(x.Key), maxKey)
		case x.Upload != nil && len(x.Upload.ID) > maxUploadID:
			return long("the upload's id", len(x.Upload.ID), maxUploadID)
		}
	}
	return checkMetadata(&d.Metadata)
}

// Append adds the block, without a frame head: it is a field of the header.
func (d *Dests) Append(b []byte) []byte {
	b = appendUint(b, uint64(d.Offset))
	b = appendMetadata(b, &d.Metadata)
	b = append(b, byte(len(d.Dests)))
	for _, x := range d.Dests {
		b = append(b, byte(x.Number))
		b = appendString(b, x.Store)
		b = appendString(b, x.Key)
		if x.Upload == nil {
			b = append(b, 0)
			continue
		}
		b = append(b, 1)
		b = appendString(b, x.Upload.ID)
		b = appendUint(b, uint64(x.Upload.Size))
	}
	return b
}

// ParseDests reads what Append wrote.
func ParseDests(block []byte) (Dests, error) {
	f := fields{rest: block}
	d := Dests{Offset: int64(f.uint("offset", math.MaxInt64)), Metadata: parseMetadata(&f)}
	for range f.byte("destinations") {
		if f.err != nil {
			break
		}
		x := Dest{
			Number: route.Dest(f.byte("destination")),
			Store:  f.string("store", maxStore),
			Key:    f.string("key", maxKey),
		}
		if f.flag("upload") {
			x.Upload = &objstore.Upload{
				Key:  x.Key,
				ID:   f.string("upload id", maxUploadID),
				Size: int64(f.uint("upload size", math.MaxInt64)),
			}
		}
		d.Dests = append(d.Dests, x)
	}
	return d, f.end()
}
