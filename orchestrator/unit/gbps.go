package unit

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Gbps is a rate in Gbit/s, 1e9 bits a second.
type Gbps float64

var rates = []factor{{"bps", 1}, {"kbps", 1e3}, {"Mbps", 1e6}, {"Gbps", 1e9}}

// maxBits bounds a rate so that it is an exact number of bit/s everywhere.
const maxBits = 1 << 53

// ParseGbps reads a rate such as "100Mbps" or "2.5Gbps".
func ParseGbps(s string) (Gbps, error) {
	n, err := parse("rate", s, rates, "2.5Gbps")
	if err != nil {
		return 0, err
	}
	bits, _ := n.Float64()
	if bits > maxBits {
		return 0, fmt.Errorf("rate %q is too large, the most is 9000000Gbps", s)
	}
	return Gbps(bits / 1e9), nil
}

// String returns the rate to the bit/s, without superfluous digits, in the
// unit that shows it best: "100Mbps". ParseGbps reads it back.
func (g Gbps) String() string {
	bits := math.Round(float64(g) * 1e9)
	u := largest(rates, bits)
	text := strconv.FormatFloat(bits/float64(u.of), 'f', 9, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + u.unit
}

// Human returns the rate to three digits, for people: "98.7 Mbit/s".
func (g Gbps) Human() string {
	return strings.TrimSuffix(human(rates, float64(g)*1e9), "bps") + "bit/s"
}

// BitsPerSecond returns the rate as a whole number of bit/s.
func (g Gbps) BitsPerSecond() int64 { return int64(math.Round(float64(g) * 1e9)) }

// Time returns how long size takes at the rate; forever if the rate is zero.
func (g Gbps) Time(size Bytes) time.Duration {
	seconds := float64(size) * 8 / 1e9 / float64(g)
	switch {
	case size == 0:
		return 0
	case seconds*1e9 >= math.MaxInt64: // or the rate is zero
		return math.MaxInt64
	}
	return time.Duration(seconds * 1e9)
}

// UnmarshalText reads what ParseGbps reads.
func (g *Gbps) UnmarshalText(text []byte) (err error) {
	*g, err = ParseGbps(string(text))
	return err
}

// UnmarshalJSON reads a plain number of Gbit/s.
func (g *Gbps) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, (*float64)(g)) }
