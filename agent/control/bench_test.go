package control

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain holds that everything the tests start has ended with them.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftovers(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftovers returns the stacks of goroutines of ours, of QUIC and of HTTP that
// do not end soon. Closing a connection ends its goroutines, but not at once.
func leftovers() (left string) {
	buf := make([]byte, 1<<20)
	for range 50 {
		left = ""
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			ours := strings.Contains(stack, "skyctl/agent") || strings.Contains(stack, "quic-go") || strings.Contains(stack, "net/http")
			if ours && !strings.Contains(stack, "control.leftovers") {
				left += stack + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
		<-time.After(100 * time.Millisecond)
	}
	return left
}

// BenchmarkAssign measures 256 chunks assigned and their results read.
func BenchmarkAssign(b *testing.B) {
	for _, tr := range transports {
		b.Run(tr.protocol, func(b *testing.B) {
			f := newFake()
			s := serve(b, identity(b), Handler(f), "", tr.offer)
			c := client(b, s.address, authority().ClientConfig("gw-0"), tr.offer)
			if err := c.Quiesce(b.Context()); err != nil || c.Protocol() != tr.protocol {
				b.Fatal(err, c.Protocol())
			}
			const n = 256
			done := make(chan struct{}, 1)
			results := make(chan error, 1)
			go func() {
				seen := 0
				results <- c.Results(b.Context(), 0, func(batch []Result) error {
					for range batch {
						if seen++; seen%n == 0 {
							done <- struct{}{}
						}
					}
					return nil
				})
			}()
			b.ReportAllocs()
			first := 0
			for b.Loop() {
				if err := c.Assign(b.Context(), assignments(first, n)); err != nil {
					b.Fatal(err)
				}
				<-done
				first += n
			}
			b.StopTimer()
			if err := c.Close(); err != nil {
				b.Error(err)
			}
			<-results
			b.ReportMetric(float64(first)/b.Elapsed().Seconds(), "chunks/s")
		})
	}
}
