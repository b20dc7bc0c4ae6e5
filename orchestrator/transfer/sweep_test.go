package transfer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// swept is a store of which something is left over when a writer is killed.
type swept struct {
	objstore.Bucket
	mu   sync.Mutex
	dirs []string
	err  error
}

func (b *swept) Sweep(_ context.Context, dirs []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirs = append(b.dirs, dirs...)
	return b.err
}

// sweptBench has two destinations, and what was left is swept at the first.
func sweptBench(t *testing.T) (*bench, *swept) {
	b := newBench(t, 2, sizes(30, 900)...)
	s := &swept{Bucket: b.dsts[0].Bucket}
	b.dsts[0].Bucket = s
	return b, s
}

// TestNothingIsSweptWithoutNeed: it costs as much as the destination is large.
func TestNothingIsSweptWithoutNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := sweptBench(t)
		r, err := Run(t.Context(), b.config())
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if len(s.dirs) != 0 {
			t.Errorf("swept are %q", s.dirs)
		}
	})
}

// TestSweptAfterALoss: of a writer, in this session or in an earlier one. What
// cannot be swept is said and fails nothing.
func TestSweptAfterALoss(t *testing.T) {
	for name, refused := range map[string]error{"swept": nil, "refused": &objstore.Error{Kind: objstore.KindPermission, Err: errors.New("read-only")}} {
		for _, earlier := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b, s := sweptBench(t)
				s.err = refused
				if earlier {
					if err := b.journal.Count(journal.CounterSession, 1); err != nil {
						t.Fatal(err)
					}
				} else {
					b.after(3, func() { go b.kill("w0") })
				}
				r, err := Run(t.Context(), b.config())
				if err != nil {
					t.Fatal(err)
				}
				b.finished(r)
				if !slices.Equal(s.dirs, []string{"dst/"}) {
					t.Errorf("%s: swept are %q", name, s.dirs)
				}
				if n := b.count(EventLeftover); n != 0 && refused == nil || n != 1 && refused != nil {
					t.Errorf("%s: %d times something is left", name, n)
				}
			})
		}
	}
}
