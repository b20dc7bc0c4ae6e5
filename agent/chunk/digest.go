package chunk

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Digest is the CRC32C (Castagnoli, RFC 3720) of some bytes. The zero value is
// the digest of none.
type Digest uint32

// Sum returns the digest of p.
func Sum(p []byte) Digest { return Digest(0).Update(p) }

// Update returns the digest of the bytes that d stands for followed by p.
func (d Digest) Update(p []byte) Digest {
	return Digest(crc32.Update(uint32(d), castagnoli, p))
}

// Combine returns the digest of the bytes that d stands for followed by
// nextLength bytes whose digest is next.
//
// Appending n zero bytes is a linear map of the 32 bits of the register over
// GF(2); its matrix is built by squaring, as zlib's crc32_combine does.
func (d Digest) Combine(next Digest, nextLength int64) Digest {
	if nextLength <= 0 {
		return d
	}
	// One zero bit: shift right, add the reflected polynomial on carry.
	var odd, even matrix
	odd[0] = crc32.Castagnoli // the reflected polynomial, 0x82f63b78
	for i := 1; i < 32; i++ {
		odd[i] = 1 << (i - 1)
	}
	even.square(&odd) // two zero bits
	odd.square(&even) // four zero bits

	crc := uint32(d)
	for n := nextLength; n != 0; {
		even.square(&odd) // the first time: eight zero bits, one byte
		if n&1 != 0 {
			crc = even.times(crc)
		}
		if n >>= 1; n == 0 {
			break
		}
		odd.square(&even)
		if n&1 != 0 {
			crc = odd.times(crc)
		}
		n >>= 1
	}
	return Digest(crc) ^ next
}

// matrix is a 32 x 32 bit matrix over GF(2), one column a word.
type matrix [32]uint32

func (m *matrix) times(vector uint32) (sum uint32) {
	for i := 0; vector != 0; i, vector = i+1, vector>>1 {
		if vector&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

func (m *matrix) square(of *matrix) {
	for i := range m {
		m[i] = of.times(of[i])
	}
}

// String returns eight hexadecimal digits.
func (d Digest) String() string { return fmt.Sprintf("%08x", uint32(d)) }

// Base64 returns the form that S3 and GCS use: the big-endian bytes in base64.
func (d Digest) Base64() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(d)))
}

// ParseBase64 reads the form that S3 and GCS use.
func ParseBase64(s string) (Digest, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != 4 {
		return 0, fmt.Errorf("%q is not a CRC32C in base64", s)
	}
	return Digest(binary.BigEndian.Uint32(b)), nil
}

// MarshalText makes a Digest a JSON string of eight hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 16, 32)
	if err != nil || len(b) != 8 {
		return fmt.Errorf("%q is not a CRC32C of eight hexadecimal digits", b)
	}
	*d = Digest(v)
	return nil
}
