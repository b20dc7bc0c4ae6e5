package link

import (
	"math"
	"testing"
	"time"
)

func TestLossDecidesWhatAConnectionCarries(t *testing.T) {
	const rtt = 80 * time.Millisecond
	for _, c := range []struct {
		name string
		path Path
		want float64 // bytes/s
	}{
		{"nothing is known", Path{}, fullSocket},
		{"nothing is lost", Path{RTT: rtt, Sent: 1e6}, fullSocket},
		{"BBR", Path{RTT: rtt, Sent: 1e6, Lost: 1000, Holds: true}, fullSocket},
		{"0.1 % at 80 ms", Path{RTT: rtt, Sent: 1e6, Lost: 1000}, 701e3},
		{"0.1 % at 1 ms", Path{RTT: time.Millisecond, Sent: 1e6, Lost: 1000}, fullSocket},
	} {
		if got := carries(c.path); math.Abs(got/c.want-1) > 0.01 {
			t.Errorf("%s: %.0f bytes/s, want %.0f", c.name, got, c.want)
		}
	}
}
