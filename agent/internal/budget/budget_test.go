package budget

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/skyctl/skyctl/agent/objstore"
)

func acquire(t *testing.T, b *Budget, n int64) *Buffer {
	t.Helper()
	x, err := b.Acquire(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Bytes) != 0 || int64(cap(x.Bytes)) != n {
		t.Fatalf("asked for %d bytes, got %d of %d", n, len(x.Bytes), cap(x.Bytes))
	}
	return x
}

func TestAcquireWaitsUntilMemoryIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100)
		first := acquire(t, b, 60)
		var second *Buffer
		go func() { second, _ = b.Acquire(context.Background(), 50) }()
		synctest.Wait()
		if second != nil || b.Used() != 60 {
			t.Fatalf("60 of 100 bytes are lent and 50 more were, used %d", b.Used())
		}
		first.Release()
		synctest.Wait()
		if second == nil || b.Used() != 50 {
			t.Fatalf("100 bytes are free and 50 were not lent, used %d", b.Used())
		}
		second.Release()
		if b.Used() != 0 {
			t.Errorf("%d bytes are still charged", b.Used())
		}
	})
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	b := New(100)
	defer acquire(t, b, 100).Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Acquire(ctx, 1); !errors.Is(err, context.Canceled) || b.Used() != 100 {
		t.Errorf("%v, used %d", err, b.Used())
	}
}

func TestMoreThanAllIsRefusedForGood(t *testing.T) {
	for _, n := range []int64{101, -1} {
		if _, err := New(100).Acquire(t.Context(), n); objstore.KindOf(err) != objstore.KindQuota || objstore.KindOf(err).Retryable() {
			t.Errorf("%d of 100 bytes: %v", n, err)
		}
	}
}

func TestReleasingTwiceDoesNothing(t *testing.T) {
	b := New(100)
	x, y := acquire(t, b, 40), acquire(t, b, 60)
	x.Release()
	x.Release()
	if b.Used() != 60 {
		t.Errorf("used %d, one buffer of 60 is lent", b.Used())
	}
	y.Release()
}

func TestBuffersAreUsedAgain(t *testing.T) {
	b := New(4 * poolFrom)
	x := acquire(t, b, poolFrom)
	first := &x.Bytes[:1][0]
	x.Release()
	if y := acquire(t, b, poolFrom); &y.Bytes[:1][0] != first {
		t.Error("a buffer of the same size was made anew")
	}
}

// TestLentAndKeptStayWithinTheTotal: idle buffers make way for what is lent,
// and for windows that grow.
func TestLentAndKeptStayWithinTheTotal(t *testing.T) {
	b := New(4 * poolFrom)
	check := func(idle int) {
		t.Helper()
		var held int64
		for _, x := range b.idle {
			held += int64(cap(x))
		}
		if held != b.held || b.Used()+held > b.total || len(b.idle) != idle {
			t.Fatalf("%d buffers of %d bytes (counted: %d) are idle, %d are lent of %d; want %d idle", len(b.idle), held, b.held, b.Used(), b.total, idle)
		}
	}
	var lent []*Buffer
	for range 4 {
		lent = append(lent, acquire(t, b, poolFrom))
	}
	for _, x := range lent {
		x.Release()
	}
	check(4)
	large := acquire(t, b, 3*poolFrom) // of a size that is not there
	check(1)
	large.Release()
	check(2)
	giveBack, ok := b.Grow(2 * poolFrom)
	if !ok {
		t.Fatal("everything is free and a window may not grow")
	}
	check(0)
	if _, ok := b.Grow(2*poolFrom + 1); ok {
		t.Error("windows grew beyond the total")
	}
	giveBack()
	if b.Used() != 0 {
		t.Errorf("%d bytes are still charged", b.Used())
	}
}
