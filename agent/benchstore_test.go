package agent_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// nowhere is a store whose objects are all the same noise, and that forgets
// what is written into it: what is measured is the way, from memory to memory.
type nowhere struct {
	objstore.Bucket // for the methods that a chunk does not need
	noise           []byte
}

func newNowhere(size int) *nowhere {
	n := &nowhere{noise: make([]byte, size)}
	rand.Read(n.noise)
	return n
}

// Limits of a cloud's store: it wants parts whole.
func (n *nowhere) Limits() objstore.Limits { return objstore.Limits{Buffered: true} }

func (n *nowhere) Close() error { return nil }

func (n *nowhere) Keeps(m objstore.Metadata) (objstore.Metadata, objstore.Fields) { return m, 0 }

func (n *nowhere) Open(_ context.Context, key string, _ objstore.Version, r chunk.Range) (io.ReadCloser, objstore.Object, error) {
	return io.NopCloser(bytes.NewReader(n.noise[:r.Length])), objstore.Object{Key: key, Size: r.Length}, nil
}

func (n *nowhere) Put(_ context.Context, key string, body objstore.Body, _ objstore.Metadata) (objstore.Object, error) {
	if body.Bytes == nil && body.Size > 0 {
		return objstore.Object{}, errors.New("the body was not given whole")
	}
	return objstore.Object{Key: key, Size: body.Size, CRC32C: &body.Digest}, nil
}
