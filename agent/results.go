package agent

import (
	"context"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/control"
)

// resultLog keeps results until the orchestrator has surely seen them. An
// orchestrator never has more than keepResults chunks assigned, so when a
// result is that old, later assignments prove that it arrived.
type resultLog struct {
	mu    sync.Mutex
	kept  []control.Result
	last  uint64        // Seq of the newest
	added chan struct{} // closed and replaced by add
}

const (
	keepResults = 32 << 10
	batchLimit  = 1024
	heartbeat   = 2 * time.Second
)

func newResultLog() *resultLog { return &resultLog{added: make(chan struct{})} }

func (l *resultLog) add(rs []control.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range rs {
		l.last++
		r.Seq = l.last
		l.kept = append(l.kept, r)
	}
	if len(l.kept) > 2*keepResults {
		l.kept = append(l.kept[:0:0], l.kept[len(l.kept)-keepResults:]...)
	}
	close(l.added)
	l.added = make(chan struct{})
}

// next returns a batch of what is newer than after, and a channel that is
// closed when there is more. The batch is the caller's.
func (l *resultLog) next(after uint64) ([]control.Result, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := len(l.kept)
	for first > 0 && l.kept[first-1].Seq > after {
		first--
	}
	end := min(len(l.kept), first+batchLimit)
	return append([]control.Result(nil), l.kept[first:end]...), l.added
}

// forget drops what the orchestrator has.
func (l *resultLog) forget(upTo uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.kept) && l.kept[n].Seq <= upTo {
		n++
	}
	l.kept = append(l.kept[:0:0], l.kept[n:]...)
}

func (l *resultLog) follow(ctx context.Context, after uint64, yield func([]control.Result) error) error {
	l.forget(after)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		batch, more := l.next(after)
		if len(batch) > 0 {
			if err := yield(batch); err != nil {
				return err
			}
			after = batch[len(batch)-1].Seq
			continue
		}
		select {
		case <-more:
		case <-beat.C:
			if err := yield(nil); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
