package unit

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Bytes is a size.
type Bytes int64

// The units of sizes. GB is 1e9 bytes, in prices too.
const (
	Byte Bytes = 1
	KB         = 1000 * Byte
	MB         = 1000 * KB
	GB         = 1000 * MB
	TB         = 1000 * GB
	KiB        = 1024 * Byte
	MiB        = 1024 * KiB
	GiB        = 1024 * MiB
	TiB        = 1024 * GiB
)

var (
	decimalSizes = []factor{{"B", 1}, {"kB", int64(KB)}, {"MB", int64(MB)}, {"GB", int64(GB)}, {"TB", int64(TB)}}
	binarySizes  = []factor{{"KiB", int64(KiB)}, {"MiB", int64(MiB)}, {"GiB", int64(GiB)}, {"TiB", int64(TiB)}}
	sizes        = append(append([]factor{}, decimalSizes...), binarySizes...)
)

// ParseBytes reads a size such as "64MiB" or "1.5TB", rounded to a whole
// number of bytes.
func ParseBytes(s string) (Bytes, error) {
	n, err := parse("size", s, sizes, "64MiB")
	if err != nil {
		return 0, err
	}
	// Round half up: the floor of n + 1/2.
	n.Add(n, big.NewRat(1, 2))
	whole := new(big.Int).Quo(n.Num(), n.Denom())
	if !whole.IsInt64() {
		return 0, fmt.Errorf("size %q is too large, the most is 8388607TiB", s)
	}
	return Bytes(whole.Int64()), nil
}

// String returns the exact size in the largest unit that keeps it short:
// "512MiB", "1.5GB". ParseBytes reads it back.
func (b Bytes) String() string {
	for i := len(binarySizes) - 1; i >= 0; i-- {
		if u := binarySizes[i]; b != 0 && int64(b)%u.of == 0 && int64(b)%1000 != 0 {
			return strconv.FormatInt(int64(b)/u.of, 10) + u.unit
		}
	}
	u := largest(decimalSizes, float64(b))
	text := new(big.Rat).SetFrac64(int64(b), u.of).FloatString(12)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + u.unit
}

// Human returns the size to three digits, for people: "1.23 GB".
func (b Bytes) Human() string {
	if b < KB {
		return strconv.FormatInt(int64(b), 10) + " B"
	}
	return human(decimalSizes, float64(b))
}

// UnmarshalText reads what ParseBytes reads.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}

// UnmarshalJSON reads a plain number of bytes.
func (b *Bytes) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, (*int64)(b)) }

// largest returns the largest of the ascending units that v reaches.
func largest(units []factor, v float64) factor {
	for i := len(units) - 1; i > 0; i-- {
		if v >= float64(units[i].of) {
			return units[i]
		}
	}
	return units[0]
}

// human returns v, given in the base unit, to three digits in the unit that
// shows it best.
func human(units []factor, v float64) string {
	u := largest(units, v)
	v /= float64(u.of)
	decimals := 2
	for w := v; w >= 10 && decimals > 0; w /= 10 {
		decimals--
	}
	return strconv.FormatFloat(v, 'f', decimals, 64) + " " + u.unit
}
