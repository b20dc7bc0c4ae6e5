package codec

import (
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/skyctl/skyctl/agent/wire"
)

// One encoder and one decoder serve all chunks: a segment is done in one call,
// by whichever goroutine makes it, in memory that they keep for as many at
// once as there are processors.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
			zstd.WithWindowSize(windowSize), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // only wrong options fail
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(wire.MaxData),
			zstd.WithDecoderMaxWindow(windowSize))
		if err != nil {
			panic(err)
		}
		return d
	})
)

// windowSize covers a segment.
const windowSize = 64 << 10

// slack is the most that compression adds to a segment that does not shrink.
const slack = 64

// Pays tells whether compressing such bytes is worth it: whether they shrink
// by more than a twentieth. What it costs to find out is one segment's work.
func Pays(sample []byte) bool {
	if len(sample) < 256 {
		return false // a frame around next to nothing
	}
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	*b = encoder().EncodeAll(sample, (*b)[:0])
	return len(*b) < len(sample)-len(sample)/20
}

// buffers are for what lies between two steps of a codec.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, wire.MaxData+slack); return &b }}
