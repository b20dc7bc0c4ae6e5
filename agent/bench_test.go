package agent_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// The table of `make bench-agent`: ratios of runs that took turns on one
// machine, medians of five. Both ends are in this process, so that the
// processor time of both is what the process used; "a side" is half of it.
const (
	rounds     = 5
	benchChunk = 16 << 20
	atOnce     = 8 // chunks under way
	small      = 4 << 10
	smallCount = 20_000 // 100,000 in all rounds
	minBare    = 1.5    // Gbit per CPU second of a side: less is a crippled baseline
)

// used is what one run took.
type used struct {
	wall, cpu time.Duration
	mallocs   uint64
}

func measure(run func()) used {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, cpu := time.Now(), processTime()
	run()
	u := used{wall: time.Since(start), cpu: processTime() - cpu}
	runtime.ReadMemStats(&after)
	u.mallocs = after.Mallocs - before.Mallocs
	return u
}

// processTime is the processor time of this process, user and system.
func processTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// benchFleet is a chain of agents between nowhere and nowhere.
type benchFleet struct {
	fleet *agenttest.Fleet
	next  int64
}

func newBenchFleet(b testing.TB, store *nowhere, transport string, connections int, key []byte, compress bool, chain ...route.Gateway) *benchFleet {
	config := objstore.Config{Type: "mem", Bucket: "nowhere"}
	f := agenttest.Start(b, agenttest.Options{Connections: connections, Transport: transport, Key: key, Compress: compress,
		Memory: 1 << 30, Stores: map[string]objstore.Config{"x": config}}, chain...)
	for _, g := range chain {
		f.Agent(g).UseBucket("x", config, store)
	}
	f.Configure("s", agenttest.Chain(0, 1, chain...))
	return &benchFleet{fleet: f}
}

func (f *benchFleet) carry(b testing.TB, count, size int) {
	as := make([]control.Assignment, count)
	for i := range as {
		f.next++
		as[i] = control.Assignment{Chunk: chunk.ID{Object: f.next}, Attempt: 1, Store: "x", Key: "k", Range: chunk.Range{Length: int64(size)},
			Dests: []control.Dest{{Store: "x", Key: "k"}}}
	}
	checkResults(b, f.fleet.Run("r", as))
}

// runner is one row's contender.
type runner struct {
	count, size int
	run         func()
	took        []used
}

// gbit per CPU second, of all rounds the median.
func (r *runner) perCPU() float64 {
	return median(r.took, func(u used) float64 { return float64(r.count) * float64(r.size) * 8 / 1e9 / u.cpu.Seconds() })
}

func median[T any](all []T, of func(T) float64) float64 {
	var xs []float64
	for _, x := range all {
		xs = append(xs, of(x))
	}
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// ratio is the median over the rounds of a figure of ours by theirs.
func ratio(ours, theirs *runner, of func(used) time.Duration) float64 {
	pairs := make([]float64, len(ours.took))
	for i := range pairs {
		pairs[i] = of(ours.took[i]).Seconds() / of(theirs.took[i]).Seconds() *
			float64(theirs.count*theirs.size) / float64(ours.count*ours.size)
	}
	return median(pairs, func(x float64) float64 { return x })
}

func wall(u used) time.Duration { return u.wall }
func cpu(u used) time.Duration  { return u.cpu }

// BenchmarkTable prints the table. It is one benchmark because its rows share
// contenders that take turns.
func BenchmarkTable(b *testing.B) {
	store := newNowhere(benchChunk)
	key := bytes.Repeat([]byte{1}, control.KeySize)
	all := map[string]*runner{}
	var order []string
	add := func(name string, count, size int, run func()) {
		all[name], order = &runner{count: count, size: size, run: run}, append(order, name)
	}
	ours := func(name string, count, size int, f *benchFleet) {
		add(name, count, size, func() { f.carry(b, count, size) })
	}
	bare := func(name string, count, size, atOnce int, x *bareCopy) {
		x.noise = store.noise
		add(name, count, size, func() { x.carry(count, size, atOnce) })
	}
	const quicCount, tlsCount = 16, 32 // 256 and 512 MiB
	for _, n := range []int{1, 4, 16} {
		bare(fmt.Sprint("bare quic ", n), quicCount, benchChunk, max(n, atOnce), newBareQUIC(b, n))
		ours(fmt.Sprint("quic ", n), quicCount, benchChunk, newBenchFleet(b, store, control.TransportQUIC, n, nil, false, "r", "w"))
	}
	bare("bare tls", tlsCount, benchChunk, 4, newBareTLS(b, 4))
	ours("tls", tlsCount, benchChunk, newBenchFleet(b, store, control.TransportTLS, 4, nil, false, "r", "w"))
	for _, x := range []string{control.TransportQUIC, control.TransportTLS} {
		count := map[string]int{control.TransportQUIC: quicCount, control.TransportTLS: tlsCount}[x]
		ours(x+" relay", count, benchChunk, newBenchFleet(b, store, x, 4, nil, false, "r", "m", "w"))
		ours(x+" sealed", count, benchChunk, newBenchFleet(b, store, x, 4, key, false, "r", "m", "w"))
		ours(x+" small", smallCount, small, newBenchFleet(b, store, x, 4, nil, false, "r", "w"))
	}
	ours("quic compressed", quicCount, benchChunk, newBenchFleet(b, store, control.TransportQUIC, 4, nil, true, "r", "w"))
	bare("bare quic small", smallCount, small, 256, newBareQUIC(b, 4))

	for _, name := range order {
		all[name].run() // connects, and fills pools
	}
	for range rounds {
		for _, name := range order {
			r := all[name]
			r.took = append(r.took, measure(r.run))
		}
	}
	report(b, all)
}

// crippled says why a bare transport is nothing to compare with, if it is.
func crippled(name string, r *runner) error {
	if rate := 2 * r.perCPU(); rate < minBare {
		return fmt.Errorf("%s does only %.2f Gbit per CPU second of a side, below %.1f: the machine is too busy or lacks segmentation offload, and ratios to it would flatter", name, rate, minBare)
	}
	return nil
}

func TestACrippledBaselineIsRefused(t *testing.T) {
	r := &runner{count: 1, size: 1e9 / 8} // a Gbit, in two sides
	for cpu, refused := range map[time.Duration]bool{time.Second: false, 1400 * time.Millisecond: true} {
		r.took = []used{{cpu: cpu}}
		if err := crippled("bare", r); (err != nil) != refused {
			t.Errorf("a Gbit in %v of both sides: %v", cpu, err)
		}
	}
}

func report(b *testing.B, all map[string]*runner) {
	for _, name := range []string{"bare quic 4", "bare tls"} {
		if err := crippled(name, all[name]); err != nil {
			b.Fatal(err)
		}
	}
	row := func(what, reach string, figure float64) { fmt.Printf("%-56s %8.2f   reach %s\n", what, figure, reach) }
	fmt.Printf("bare: quic-go %.2f, crypto/tls %.2f Gbit per CPU second of a side\n", 2*all["bare quic 4"].perCPU(), 2*all["bare tls"].perCPU())
	for _, n := range []int{1, 4, 16} {
		o, t := all[fmt.Sprint("quic ", n)], all[fmt.Sprint("bare quic ", n)]
		row(fmt.Sprintf("1 hop QUIC by bare quic-go, rate, %d connections", n), "0.9", ratio(t, o, wall))
		row(fmt.Sprintf("1 hop QUIC by bare quic-go, per CPU, %d connections", n), "0.9", ratio(t, o, cpu))
	}
	row("1 hop TLS by bare crypto/tls, rate", "0.85", ratio(all["bare tls"], all["tls"], wall))
	row("1 hop TLS by bare crypto/tls, per CPU", "0.85", ratio(all["bare tls"], all["tls"], cpu))
	row("relay: CPU of 2 hops by 1 hop, QUIC", "2.1 at most", ratio(all["quic relay"], all["quic 4"], cpu))
	row("relay: CPU of 2 hops by 1 hop, TLS", "2.1 at most", ratio(all["tls relay"], all["tls"], cpu))
	row("sealing: CPU of 2 hops by plain, QUIC", "1.12 at most", ratio(all["quic sealed"], all["quic relay"], cpu))
	row("sealing: CPU of 2 hops by plain, TLS", "1.45 at most", ratio(all["tls sealed"], all["tls relay"], cpu))
	row("compression of noise: CPU of 1 hop by without, QUIC", "1.10 at most", ratio(all["quic compressed"], all["quic 4"], cpu))
	row("TLS by QUIC, 1 hop, GB per CPU second", fmt.Sprintf("4; bare %.2f", ratio(all["bare quic 4"], all["bare tls"], cpu)), ratio(all["quic 4"], all["tls"], cpu))
	row("4 KiB objects by bare quic-go streams, rate, QUIC", "0.5", ratio(all["bare quic small"], all["quic small"], wall))
	row("4 KiB objects by bare quic-go streams, rate, TLS", "0.5", ratio(all["bare quic small"], all["tls small"], wall))
	mallocs := func(r *runner) float64 {
		return median(r.took, func(u used) float64 { return float64(u.mallocs) / float64(r.count) })
	}
	row("allocations of a 16 MiB chunk, 1 hop TLS less crypto/tls's", "200 at most", mallocs(all["tls"])-mallocs(all["bare tls"]))
}
