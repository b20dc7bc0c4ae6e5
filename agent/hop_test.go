package agent_test

import (
	"testing"

	"github.com/skyctl/skyctl/agent/control"
)

// BenchmarkHop carries chunks of 16 MiB over one hop, for profiles.
func BenchmarkHop(b *testing.B) {
	store := newNowhere(benchChunk)
	for _, x := range []string{control.TransportQUIC, control.TransportTLS} {
		b.Run(x, func(b *testing.B) {
			f := newBenchFleet(b, store, x, 4, nil, false, "r", "w")
			f.carry(b, atOnce, benchChunk)
			b.SetBytes(benchChunk)
			b.ReportAllocs()
			b.ResetTimer()
			f.carry(b, b.N, benchChunk)
		})
	}
}
