package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Fingerprint is the SHA-256 over key, size and version of every object of a
// listing, in its order. A plan is stale when it changed. Start with
// NewFingerprint.
type Fingerprint struct {
	hash hash.Hash
	buf  []byte
}

// NewFingerprint returns the fingerprint of an empty listing.
func NewFingerprint() *Fingerprint { return &Fingerprint{hash: sha256.New()} }

// Add appends an object.
func (f *Fingerprint) Add(key string, size int64, version objstore.Version) {
	f.buf = binary.AppendUvarint(f.buf[:0], uint64(len(key)))
	f.buf = append(f.buf, key...)
	f.buf = binary.AppendUvarint(f.buf, uint64(size))
	f.buf = binary.AppendUvarint(f.buf, uint64(len(version)))
	f.buf = append(f.buf, version...)
	f.hash.Write(f.buf)
}

// Sum returns the fingerprint of what was added, in hexadecimal digits.
func (f *Fingerprint) Sum() string { return hex.EncodeToString(f.hash.Sum(nil)) }
