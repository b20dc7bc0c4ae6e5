package transfer

import (
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

const (
	// pageSize is how many pending objects come from the journal at once; the
	// next page is asked for when half of one is left.
	pageSize = 512

	// maxOpen bounds the objects in memory beyond what the readers' windows
	// can hold: those that are being opened or committed.
	maxOpen = 1024
)

// feeder brings pending objects from the journal.
type feeder struct {
	after   int64            // the number of the last one read
	backlog []journal.Object // read and not opened
	reading bool
	ended   bool // the journal has no more

	// What was opened and not yet sent.
	readyChunks int
	readyBytes  int64
}

// feed opens objects until the readers' windows could be filled with what is
// ready, and keeps the backlog filled.
func (s *scheduler) feed() {
	f := &s.feeder
	if s.stopped != nil {
		return
	}
	chunks, bytes := 0, int64(0)
	for _, r := range s.readers {
		chunks += r.window.Chunks
		bytes += r.window.Bytes
	}
	for len(f.backlog) > 0 && f.readyChunks < chunks && f.readyBytes < bytes && s.open < maxOpen+2*chunks {
		o := f.backlog[0]
		f.backlog = f.backlog[1:]
		s.admit(o)
	}
	if f.ended || f.reading || len(f.backlog) > pageSize/2 {
		return
	}
	f.reading = true
	after := f.after
	s.spawn(func() {
		page, err := s.cfg.Journal.Pending(s.ctx, after, pageSize)
		s.post(func() { s.page(page, err) })
	})
}

func (s *scheduler) page(page []journal.Object, err error) {
	f := &s.feeder
	f.reading = false
	if err != nil {
		s.interrupt("the journal cannot be read", err)
		return
	}
	f.ended = len(page) == 0
	if !f.ended {
		f.after = page[len(page)-1].Number
	}
	f.backlog = append(f.backlog, page...)
}

// admit brings one object into memory and starts it.
func (s *scheduler) admit(j journal.Object) {
	size := j.ChunkSize
	var err error
	if size == 0 { // not begun by an earlier session
		var limits []objstore.Limits
		for _, d := range j.Deliveries {
			if !d.State.Final() {
				limits = append(limits, s.cfg.Dests[d.Dest].Limits)
			}
		}
		size, err = ObjectChunkSize(s.chunkSize, j.Size, limits...)
	}
	if err != nil {
		size = max(j.Size, 1) // anything: it is not read
	}
	o := newObject(j, size)
	s.open++
	s.clock.start()
	s.feeder.readyChunks += int(o.chunks())
	s.feeder.readyBytes += o.size
	if err != nil {
		s.failObject(o, failed(control.StageWrite, err))
		s.settle(o)
		return
	}
	if o.whole {
		s.queue = append(s.queue, o)
		return
	}
	if j.ChunkSize == 0 {
		o.opened = time.Now()
		s.record(s.cfg.Journal.OpenObject(o.number, size, o.opened))
	}
	s.prepare(o)
}

// advance moves the object's cursor to the chunk at index to.
func (s *scheduler) advance(o *object, to int32) {
	for ; o.next < to; o.next++ {
		s.feeder.readyChunks--
		s.feeder.readyBytes -= o.rng(o.next).Length
	}
}

// rewind moves the object's cursor to its start.
func (s *scheduler) rewind(o *object) {
	for ; o.next > 0; o.next-- {
		s.feeder.readyChunks++
		s.feeder.readyBytes += o.rng(o.next - 1).Length
	}
}
