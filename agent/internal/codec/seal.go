package codec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// keyInfo binds the key to its use.
const keyInfo = wire.ALPN + " chunk"

// What a nonce ends in: the byte in front of a segment, or destinations.
const (
	more  byte = 0
	last  byte = 1
	block byte = 2
)

const tagSize = 16

// seal is the cipher of one attempt at one chunk.
type seal struct {
	aead  cipher.AEAD
	fixed []byte // associated data
	nonce [12]byte
	count uint64 // segments so far
}

func newSeal(run []byte, h *wire.Header) (*seal, error) {
	if len(run) != control.KeySize {
		return nil, errors.New("this gateway was not given the run's key")
	}
	key, err := hkdf.Key(sha256.New, run, h.Salt[:], keyInfo, 32)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(b)
	if err != nil {
		return nil, err
	}
	return &seal{aead: aead, fixed: h.AppendFixed(nil)}, nil
}

// next is the nonce of the next segment.
func (s *seal) next(kind byte) []byte {
	binary.BigEndian.PutUint64(s.nonce[3:], s.count)
	s.nonce[11] = kind
	s.count++
	return s.nonce[:]
}

// Seal makes the header that of a sealed payload: it draws the salt and seals
// the destinations. The codec and the fields up to the length are final.
func Seal(h *wire.Header, run []byte) error {
	rand.Read(h.Salt[:])
	s, err := newSeal(run, h)
	if err != nil {
		return err
	}
	nonce := [12]byte{11: block}
	h.Dests = s.aead.Seal(nil, nonce[:], h.Dests, s.fixed)
	return nil
}

// Dests returns the block of destinations, opened if it is sealed.
func Dests(h *wire.Header, run []byte) ([]byte, error) {
	if !h.Codec.Has(wire.CodecSealed) {
		return h.Dests, nil
	}
	s, err := newSeal(run, h)
	if err != nil {
		return nil, &objstore.Error{Op: "open", Kind: objstore.KindPermission, Err: err}
	}
	nonce := [12]byte{11: block}
	b, err := s.aead.Open(nil, nonce[:], h.Dests, s.fixed)
	if err != nil {
		return nil, corrupt("the destinations were changed on the way")
	}
	return b, nil
}

func corrupt(format string, args ...any) error {
	return &objstore.Error{Op: "decode", Kind: objstore.KindCorrupt, Err: fmt.Errorf(format, args...)}
}
