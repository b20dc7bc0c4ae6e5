package cli

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars shows progress on a terminal: whole lines that scroll, and below them
// one bar for what is under way.
type bars struct {
	w       io.Writer
	moving  *mpb.Progress // nil where nothing moves
	bar     *mpb.Bar
	listing bool
	figures atomic.Pointer[figures] // for the bar's own goroutine
}

func (b *bars) interval() time.Duration { return 100 * time.Millisecond }

// line writes above the bar.
func (b *bars) line(text string) {
	if b.moving != nil {
		if _, err := fmt.Fprintln(b.moving, text); err == nil {
			return
		}
		b.settle()
	}
	fmt.Fprintln(b.w, text)
}

func (b *bars) update(f figures) {
	if b.moving != nil && f.listing != b.listing {
		b.settle()
	}
	b.figures.Store(&f)
	if b.moving == nil {
		b.begin(f)
	}
	if !f.listing {
		b.bar.SetCurrent(f.bytes)
	}
}

func (b *bars) begin(f figures) {
	b.listing = f.listing
	b.moving = mpb.New(mpb.WithOutput(b.w), mpb.WithWidth(24), mpb.WithAutoRefresh())
	text := decor.Any(func(decor.Statistics) string { return " " + b.figures.Load().String() })
	if f.listing {
		b.bar = b.moving.New(0, mpb.SpinnerStyle(), mpb.BarWidth(1), mpb.AppendDecorators(text))
		return
	}
	// The total is one more than there is: a bar that is full would end by
	// itself, while the last objects are still to be committed.
	b.bar = b.moving.New(f.allBytes+1, mpb.BarStyle(), mpb.AppendDecorators(text))
}

// settle takes the bar off the screen and waits until that is done.
func (b *bars) settle() {
	if b.moving == nil {
		return
	}
	b.bar.Abort(true)
	b.moving.Wait()
	b.moving, b.bar = nil, nil
}
