package httpstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/skyctl/skyctl/agent/objstore"
)

const (
	// listers is how many segments are asked for at once, segmentPages how many
	// pages of one may be kept before their turn comes: together they bound the
	// memory of a listing, to about 10 MB with pages of 1,000 objects.
	listers      = 8
	segmentPages = 4

	// maxDepth is how many directories are looked into for where to divide.
	maxDepth = 8
)

// Page is one answer to a listing, its keys in byte order.
type Page struct {
	Objects  []objstore.Object
	Prefixes []string // only where a delimiter was asked for
	Next     string   // token of the next page, empty for the last
}

// PageFunc asks the store for a page of what starts with prefix and comes
// behind after; with delimiter, what lies behind the next slash is summed up
// as a prefix. token is the Next of the page before, or empty.
type PageFunc func(ctx context.Context, prefix, after string, delimiter bool, token string) (Page, error)

// List yields every object with the prefix that comes behind after, in order.
//
// A small listing is one request after the other. What is longer is cut into
// segments of the key space at the directories that the store knows, and a few
// segments ahead of the one that is being yielded are asked for at the same
// time. A directory that turns out to be large is cut again, so that neither
// a few large ones nor many small ones are in the way; in one flat directory
// it stays one request after the other.
//
// The first error of the store ends the listing, after everything before it
// was yielded.
func List(ctx context.Context, prefix, after string, page PageFunc, yield func(objstore.Object) error) error {
	ctx, cancel := context.WithCancel(ctx)
	l := listing{ctx: ctx, prefix: prefix, page: page, done: make(chan *segment)}
	defer l.stop(cancel)
	l.queue = []*segment{{after: after, quota: 1}}
	for len(l.queue) > 0 {
		l.start()
		s := l.queue[0]
		for !s.finished {
			(<-l.done).finished = true // every segment reports, also at the end of ctx
			l.running--
		}
		for _, o := range s.objects {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := yield(o); err != nil {
				return err
			}
		}
		if s.err != nil {
			return s.err
		}
		l.queue = slices.Concat(s.rest, l.queue[1:])
	}
	return nil
}

// ErrUnordered is for a store of which no part can be listed by itself: cut
// into segments, its listing would miss keys.
var ErrUnordered = &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store does not list keys in the order of their bytes")}

// segment is a part of the key space: behind after, up to and with until.
type segment struct {
	after, until string // until is empty for the end
	quota        int    // pages to ask for
	patience     int    // how many times not to look for where to divide

	started, finished bool // of the goroutine that calls List

	// Of the goroutine that runs the segment, until it is finished.
	objects []objstore.Object
	rest    []*segment // what the quota left over
	failed  int        // how often dividing was of no use
	err     error
}

// listing is one call of List.
type listing struct {
	ctx     context.Context
	prefix  string
	page    PageFunc
	done    chan *segment
	queue   []*segment // what is not yielded yet, in order
	running int
	wasted  atomic.Int32 // segments that were much shorter than a page
}

// start runs the first segments of the queue. Those that are finished count,
// because they hold memory.
func (l *listing) start() {
	for _, s := range l.queue[:min(len(l.queue), listers)] {
		if !s.started {
			s.started = true
			l.running++
			go func() {
				s.err = l.run(s)
				l.done <- s
			}()
		}
	}
}

// stop ends the requests that are under way, and waits for them.
func (l *listing) stop(cancel context.CancelFunc) {
	cancel()
	for ; l.running > 0; l.running-- {
		<-l.done
	}
}

// run asks for the pages of a segment, and divides what its quota leaves over.
// Pages without objects, as providers hide some, do not count: whoever went on
// behind the last object would get them again, and for ever.
func (l *listing) run(s *segment) error {
	token, last := "", s.after
	for pages := 0; pages < s.quota || last == s.after; pages++ {
		p, err := l.page(l.ctx, l.prefix, s.after, false, token)
		if err != nil {
			return err
		}
		for _, o := range p.Objects {
			if o.Key <= last {
				return ErrUnordered
			}
			last = o.Key
			if s.until != "" && o.Key > s.until {
				if len(s.objects) < len(p.Objects)/2 {
					l.wasted.Add(1)
				}
				return nil
			}
			s.objects = append(s.objects, o)
		}
		if token = p.Next; token == "" {
			return nil
		}
	}
	return l.divide(s, last)
}

// divide makes segments of what lies between last and the end of s. Where it
// finds nothing to cut at, or the last cuts were too small to be worth a request
// each, it is tried more and more rarely in what follows.
func (l *listing) divide(s *segment, last string) error {
	var cuts []string
	patience := s.patience - 1
	if s.patience == 0 {
		var err error
		if l.wasted.Swap(0) <= listers/2 {
			if cuts, err = l.cuts(last, s.until); err != nil {
				return err
			}
		}
		if len(cuts) == 0 {
			s.failed = 2*s.failed + 1
			patience = s.failed
		}
	}
	after := last
	for _, until := range append(cuts, s.until) {
		s.rest = append(s.rest, &segment{after: after, until: until, quota: segmentPages})
		after = until
	}
	open := s.rest[len(s.rest)-1]
	open.failed = s.failed
	if len(cuts) == 0 {
		open.patience = patience
	}
	return nil
}

// cuts returns directories between last and until, in order, at most as many
// as can be asked for at once. It looks at the uppermost level first, for
// there the pieces are largest, and goes down on the way to last.
func (l *listing) cuts(last, until string) ([]string, error) {
	dir := l.prefix[:strings.LastIndexByte(l.prefix, '/')+1]
	prefix := l.prefix
	for range maxDepth {
		p, err := l.page(l.ctx, prefix, last, true, "")
		if err != nil {
			return nil, err
		}
		cuts := slices.DeleteFunc(p.Prefixes, func(cut string) bool { return cut <= last || until != "" && cut >= until })
		if len(cuts) > 0 {
			return spread(cuts, listers), nil
		}
		if !strings.HasPrefix(last, prefix) {
			break
		}
		i := strings.IndexByte(last[len(dir):], '/')
		if i < 0 {
			break
		}
		dir = last[:len(dir)+i+1]
		prefix = dir
	}
	return nil, nil
}

// spread returns n of the cuts, evenly.
func spread(cuts []string, n int) []string {
	if len(cuts) <= n {
		return cuts
	}
	some := make([]string, n)
	for i := range n {
		some[i] = cuts[i*len(cuts)/n]
	}
	return some
}
