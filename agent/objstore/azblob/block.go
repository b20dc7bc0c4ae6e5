package azblob

import (
	"encoding/base64"
	"encoding/binary"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/skyctl/skyctl/agent/chunk"
)

// nonce tells the blocks of one upload from those of any other: its run's tag,
// and 10 random bytes.
type nonce [15]byte

// block is what the name of a block says. Azure wants names of one length in
// a blob, of at most 64 bytes in base64:
//
//	nonce(15) kind(1) number(4, big endian) CRC32C(4, big endian)
//
// With the CRC32C in its name, a block that was written again with other bytes
// is another block: a commit gets the bytes it names or none, and a listing
// tells what each block holds.
type block struct {
	nonce  nonce
	kind   blockKind
	number int32
	digest chunk.Digest
}

// blockKind is what a block is there for.
type blockKind byte

const (
	kindPart    blockKind = 'P'
	kindBegun   blockKind = 'B' // the upload exists since number, in seconds since 1970; its content is one byte and never committed
	kindAborted blockKind = 'A' // the upload was aborted; likewise
)

const blockSize = 24 // of a name, before base64

func (b block) name() string {
	raw := make([]byte, 0, blockSize)
	raw = append(raw, b.nonce[:]...)
	raw = append(raw, byte(b.kind))
	raw = binary.BigEndian.AppendUint32(raw, uint32(b.number))
	raw = binary.BigEndian.AppendUint32(raw, uint32(b.digest))
	return base64.StdEncoding.EncodeToString(raw)
}

// parseBlock reads a name. Blocks of other programs are not ok.
func parseBlock(name string) (b block, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(name)
	if err != nil || len(raw) != blockSize {
		return block{}, false
	}
	copy(b.nonce[:], raw)
	b.kind = blockKind(raw[15])
	b.number = int32(binary.BigEndian.Uint32(raw[16:]))
	b.digest = chunk.Digest(binary.BigEndian.Uint32(raw[20:]))
	return b, true
}

// staged is what the store has of one upload.
type staged struct {
	begun, aborted bool
	sizes          map[block]int64 // of its parts
	others         bool            // the blob has blocks of other uploads or programs
}

// stagedOf sorts the uncommitted blocks of a blob.
func stagedOf(n nonce, blocks []*blockblob.Block) staged {
	s := staged{sizes: map[block]int64{}}
	for _, listed := range blocks {
		b, ok := parseBlock(deref(listed.Name))
		switch {
		case !ok || b.nonce != n:
			s.others = true
		case b.kind == kindBegun:
			s.begun = true
		case b.kind == kindAborted:
			s.aborted = true
		default:
			s.sizes[b] = deref(listed.Size)
		}
	}
	return s
}

// exists tells whether the upload takes part in anything still.
func (s staged) exists() bool { return s.begun && !s.aborted }
