package transfer

import (
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// object is a pending object in memory: from when the feeder opens it until
// all its deliveries are final and nothing of it is staged or under way.
type object struct {
	number    int64
	key       string
	size      int64
	version   objstore.Version
	chunkSize int64
	crc32c    *chunk.Digest // as the source reports it
	metadata  objstore.Metadata
	lost      objstore.Fields // of it, what the source does not show
	opened    time.Time       // since when a staged write of it may exist

	deliveries []*delivery // those that were not final
	failed     bool        // one of them, or an earlier one, has failed

	// whole: the object is one chunk and is put in one step, without a staged
	// write. The fields below it are for the others.
	whole   bool
	digests []chunk.Digest // of the chunks that known has
	known   []bool

	next     int32 // the first chunk that was never sent
	attempts int32 // of any of its chunks, so far
	floor    int32 // the first attempt of its chunks, 0 until it is restarted
	queued   bool  // given to the dispatcher since it was begun or started over
	inFlight int   // tasks that are not finished, wherever they wait
	calls    int   // calls under way or waiting
	restart  bool  // everything is to be read again, once inFlight and calls are 0
	restarts int
	closed   bool
}

// delivery is an object on its way to one destination.
type delivery struct {
	dest    route.Dest
	key     string
	state   journal.State
	upload  *objstore.Upload
	parts   []part // of the staged write, by chunk
	missing int    // parts that are not done
	commits bool   // Commit is under way

	// doubtful: a staged write may exist that nobody knows the name of, as a
	// session or an answer was lost between its beginning and its record.
	doubtful bool
}

type part struct {
	done  bool
	token string
}

// newObject brings a journaled object into memory.
func newObject(o journal.Object, chunkSize int64) *object {
	obj := &object{number: o.Number, key: o.Key, size: o.Size, version: o.Version, chunkSize: chunkSize, crc32c: o.CRC32C, opened: o.Opened}
	obj.whole = obj.chunks() == 1
	for _, d := range o.Deliveries {
		if d.State.Final() {
			obj.failed = obj.failed || d.State == journal.Failed
			continue
		}
		obj.whole = obj.whole && d.Upload == nil
		obj.deliveries = append(obj.deliveries, &delivery{dest: d.Dest, key: d.Key, state: d.State, upload: d.Upload,
			doubtful: !o.Opened.IsZero() && d.Upload == nil})
	}
	if !obj.whole {
		obj.digests = make([]chunk.Digest, obj.chunks())
		obj.known = make([]bool, obj.chunks())
	}
	return obj
}

func (o *object) chunks() int32 { return chunk.Count(o.size, o.chunkSize) }

// unfinished counts the deliveries that are not final.
func (o *object) unfinished() (n int) {
	for _, d := range o.deliveries {
		if !d.state.Final() {
			n++
		}
	}
	return n
}

func (o *object) rng(index int32) chunk.Range { return chunk.At(o.size, o.chunkSize, index) }

// need returns the deliveries that still want the chunk.
func (o *object) need(index int32) []*delivery {
	var need []*delivery
	for _, d := range o.deliveries {
		if !o.restart && d.wants(o.whole, index) {
			need = append(need, d)
		}
	}
	return need
}

func (d *delivery) wants(whole bool, index int32) bool {
	if whole {
		return d.state == journal.Pending
	}
	return d.state == journal.Staged && d.parts != nil && !d.parts[index].done
}

// at returns the unfinished delivery to dest, nil if there is none.
func (o *object) at(dest route.Dest) *delivery {
	for _, d := range o.deliveries {
		if d.dest == dest && !d.state.Final() {
			return d
		}
	}
	return nil
}

// stage makes d one that takes parts.
func (d *delivery) stage(up objstore.Upload, chunks int32) {
	d.state, d.upload = journal.Staged, &up
	d.parts = make([]part, chunks)
	d.missing = int(chunks)
}

// have marks a part done and learns its digest. It reports false if that
// differs from what was read for the same chunk before.
func (o *object) have(d *delivery, index int32, digest chunk.Digest, token string) bool {
	if o.known[index] && o.digests[index] != digest {
		return false
	}
	o.known[index], o.digests[index] = true, digest
	if !d.parts[index].done {
		d.missing--
	}
	d.parts[index] = part{done: true, token: token}
	return true
}

// digest combines those of all chunks.
func (o *object) digest() chunk.Digest {
	var sum chunk.Digest
	for i, r := range chunk.Split(o.size, o.chunkSize) {
		sum = sum.Combine(o.digests[i], r.Length)
	}
	return sum
}

// refs are the parts of d as Commit wants them.
func (o *object) refs(d *delivery) []objstore.PartRef {
	refs := make([]objstore.PartRef, 0, len(d.parts))
	for i, r := range chunk.Split(o.size, o.chunkSize) {
		digest := o.digests[i]
		refs = append(refs, objstore.PartRef{Number: i, Size: r.Length, Digest: &digest, Token: d.parts[i].token})
	}
	return refs
}

// task is a chunk on its way. There is at most one of a chunk at any time, so
// an attempt's number is never used twice.
type task struct {
	obj     *object
	index   int32
	attempt int32 // the next one's number in this session
	tries   tries
	waiting []route.Dest // asked for in this attempt and not answered
	failed  []control.Result
	avoid   []via // where it failed before
	reader  *reader
}

// via is a route of a reader.
type via struct {
	reader *reader
	route  int
}

func (t *task) id() chunk.ID { return chunk.ID{Object: t.obj.number, Index: t.index} }

func (t *task) rng() chunk.Range { return t.obj.rng(t.index) }

// answered takes dest off what is waited for; false if it was not.
func (t *task) answered(dest route.Dest) bool {
	i := slices.Index(t.waiting, dest)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return true
}
