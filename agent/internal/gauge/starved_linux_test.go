package gauge

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestStarvedTimeGrows: with more threads ready than there are processors some
// wait for one. Of a kernel that does not tell nothing is known.
func TestStarvedTimeGrows(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		if waited := starvedTime(); waited != 0 {
			t.Errorf("%v, and the kernel does not tell: %v", waited, err)
		}
		return
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4 * runtime.NumCPU()))
	before, stop := starvedTime(), make(chan struct{})
	var spinning sync.WaitGroup
	defer spinning.Wait()
	defer close(stop)
	for range 4 * runtime.NumCPU() {
		spinning.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for deadline := time.Now().Add(30 * time.Second); starvedTime()-before < 50*time.Millisecond; {
		if time.Now().After(deadline) {
			t.Fatalf("threads have waited %v in half a minute", starvedTime()-before)
		}
		time.Sleep(10 * time.Millisecond) // the kernel counts, and tells nobody when
	}
}
