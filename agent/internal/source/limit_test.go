package source

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/internal/gauge"
)

// TestAsManyChunksAreReadAsGetOn: under a limit, of small ones many.
func TestAsManyChunksAreReadAsGetOn(t *testing.T) {
	for _, c := range []struct {
		length int64
		at     int // once
	}{{0, 300}, {4 << 10, 256}, {perChunk, 4}, {1 << 20, 4}, {5 * perChunk, 4}} {
		synctest.Test(t, func(t *testing.T) {
			l := NewLimit(&gauge.Wait{})
			l.Set(4 * perChunk)
			in := make(chan struct{}, 300)
			for range cap(in) {
				go func() {
					leave, err := l.enter(t.Context(), c.length)
					if err != nil {
						return // at the test's end
					}
					defer leave()
					in <- struct{}{}
					<-t.Context().Done()
				}()
			}
			time.Sleep(time.Second) // fake time
			synctest.Wait()
			if len(in) != c.at {
				t.Errorf("%d chunks of %d bytes are read at once, want %d", len(in), c.length, c.at)
			}
		})
	}
}
