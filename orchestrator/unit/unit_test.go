package unit

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]Bytes{
		"0B": 0, "1B": 1, "512MiB": 512 << 20, "1kB": 1000, "1KiB": 1024, "1.5GB": 1_500_000_000,
		"1 MB": 1_000_000, "0.1TB": 100_000_000_000, "1TiB": 1 << 40, "8388607TiB": 8388607 << 40,
		"0.3GiB": 322122547, // 322122547.2
		"0.5B":   1, "1.0000005MB": 1000001,
		"9223372036854775807B": math.MaxInt64,
	} {
		if got, err := ParseBytes(in); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                            "not a decimal number",
		"MB":                          "not a decimal number",
		"12":                          "has no unit",
		"-1MB":                        "is negative",
		"1mb":                         `unknown unit "mb", use one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB`,
		"1KB":                         "unknown unit",
		"1Gbps":                       "unknown unit",
		"1e3MB":                       "not a decimal number",
		"0x10MB":                      "not a decimal number",
		"1_000MB":                     "not a decimal number",
		"+1MB":                        "not a decimal number",
		".5MB":                        "not a decimal number",
		"5.MB":                        "not a decimal number",
		"1.2.3MB":                     "not a decimal number",
		"1  MB":                       "not a decimal number",
		"1/2MB":                       "not a decimal number",
		"NaN":                         "not a decimal number",
		"9223372036854775808B":        "too large",
		"8388608TiB":                  "too large",
		strings.Repeat("9", 50) + "B": "too large",
	} {
		if _, err := ParseBytes(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestBytesTexts(t *testing.T) {
	for b, want := range map[Bytes][2]string{
		0:             {"0B", "0 B"},
		999:           {"999B", "999 B"},
		512 * MiB:     {"512MiB", "537 MB"},
		1_500_000_000: {"1.5GB", "1.50 GB"},
		64_000_000:    {"64MB", "64.0 MB"},
		1_234_567:     {"1.234567MB", "1.23 MB"},
		TiB:           {"1TiB", "1.10 TB"},
		math.MaxInt64: {"9223372.036854775807TB", "9223372 TB"},
	} {
		if got := [2]string{b.String(), b.Human()}; got != want {
			t.Errorf("%d is %q, want %q", int64(b), got, want)
		}
		if back, err := ParseBytes(b.String()); err != nil || back != b {
			t.Errorf("%s reads back as %d, %v", b, back, err)
		}
	}
}

func TestParseGbps(t *testing.T) {
	for in, want := range map[string]Gbps{
		"2.5Gbps": 2.5, "100Mbps": 0.1, "1kbps": 1e-6, "1bps": 1e-9, "0bps": 0, "0.1 Gbps": 0.1,
	} {
		got, err := ParseGbps(in)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", in, float64(got), err, float64(want))
		}
		if back, err := ParseGbps(got.String()); err != nil || back != got {
			t.Errorf("%s reads back as %v, %v", got, float64(back), err)
		}
	}
	for in, want := range map[string]string{
		"1":             "has no unit",
		"1GBps":         "unknown unit",
		"1gbps":         "unknown unit",
		"1GB":           "unknown unit",
		"-1Gbps":        "is negative",
		"99999999Gbps":  "too large",
		"fast":          "not a decimal number",
		"1Gbps forever": "not a decimal number",
	} {
		if _, err := ParseGbps(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestGbpsTexts(t *testing.T) {
	for g, want := range map[Gbps][2]string{
		0:         {"0bps", "0.00 bit/s"},
		0.1:       {"100Mbps", "100 Mbit/s"},
		1:         {"1Gbps", "1.00 Gbit/s"},
		12.3456:   {"12.3456Gbps", "12.3 Gbit/s"},
		0.0000015: {"1.5kbps", "1.50 kbit/s"},
	} {
		if got := [2]string{g.String(), g.Human()}; got != want {
			t.Errorf("%v is %q, want %q", float64(g), got, want)
		}
	}
}

func TestGbpsTime(t *testing.T) {
	for _, c := range []struct {
		rate Gbps
		size Bytes
		want time.Duration
	}{
		{1, GB, 8 * time.Second},
		{0.1, 100 * MB, 8 * time.Second},
		{1, 0, 0},
		{0, 0, 0},
		{0, 1, math.MaxInt64},
		{1e-9, math.MaxInt64, math.MaxInt64},
	} {
		if got := c.rate.Time(c.size); got != c.want {
			t.Errorf("%s at %s takes %v, want %v", c.size, c.rate, got, c.want)
		}
	}
}

func TestUSD(t *testing.T) {
	for in, want := range map[string]string{"12.5": "$12.50", "0": "$0.00", "0.0123": "$0.0123", "1": "$1.00"} {
		if got, err := ParseUSD(in); err != nil || got.String() != want {
			t.Errorf("%q is %s, %v; want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"": "plain number", "$5": "plain number", "5USD": "plain number", "1e3": "plain number",
		"-5": "negative", "9999999999999": "too large",
	} {
		if _, err := ParseUSD(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestJSONIsPlainNumbers(t *testing.T) {
	type doc struct {
		Size Bytes
		Rate Gbps
		Cost USD
	}
	in := doc{5 * MB, 0.1, 0.02}
	text, err := json.Marshal(in)
	if err != nil || string(text) != `{"Size":5000000,"Rate":0.1,"Cost":0.02}` {
		t.Fatalf("%s, %v", text, err)
	}
	var out doc
	if err := json.Unmarshal(text, &out); err != nil || out != in {
		t.Errorf("%+v, %v", out, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.5GB", "100Mbps", "12.50", "-1", "9999999TB", "1e9B", "1/2B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := ParseBytes(s); err == nil {
			if back, err := ParseBytes(b.String()); b < 0 || err != nil || back != b {
				t.Errorf("%q is %d, %s, %d, %v", s, int64(b), b, int64(back), err)
			}
		}
		if g, err := ParseGbps(s); err == nil && !(g >= 0 && g <= 1e7) {
			t.Errorf("%q is %v", s, g)
		}
		if u, err := ParseUSD(s); err == nil && !(u >= 0) {
			t.Errorf("%q is %v", s, u)
		}
	})
}
