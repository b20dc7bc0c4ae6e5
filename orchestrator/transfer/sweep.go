package transfer

import (
	"context"
	"unicode/utf8"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// sweepAtOnce is how many directories are named in one request: with the
// longest paths about half a MiB.
const sweepAtOnce = 128

// Sweep names every directory that the run may have written to at a destination
// to sweep, some at a time. A store of which nothing is left over says so, and
// is not asked again.
func Sweep(ctx context.Context, j *journal.Reader, dest route.Dest, sweep func(ctx context.Context, dirs []string) error) error {
	var dirs []string
	flush := func() error {
		if len(dirs) == 0 {
			return nil
		}
		err := sweep(ctx, dirs)
		dirs = nil
		return err
	}
	err := j.Directories(ctx, dest, func(dir string) error {
		if !utf8.ValidString(dir) {
			// A gateway cannot be told of it, and so has not written there.
			if err := sweep(ctx, []string{dir}); objstore.KindOf(err) != objstore.KindInvalid {
				return err
			}
			return nil
		}
		if dirs = append(dirs, dir); len(dirs) < sweepAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if objstore.KindOf(err) == objstore.KindUnsupported {
		return nil
	}
	return err
}

// swept tells whether what killed writers left behind is removed, when the others
// write nothing any more. There is some only where one may have been killed in a
// write: in this session or, for nobody knows how those ended, in an earlier one.
func (s *scheduler) swept() bool {
	if s.untidy && !s.sweeping {
		s.sweeping = true
		for i := range s.cfg.Dests {
			s.sweepDest(route.Dest(i))
		}
	}
	return s.calls.none() && s.stopped == nil
}

func (s *scheduler) sweepDest(dest route.Dest) {
	store := s.cfg.Dests[dest].Store
	s.call(&call{
		what: "the destination", dest: &dest, tidies: true,
		do: func(ctx context.Context, api control.API) error {
			return Sweep(ctx, s.cfg.Journal.Reader, dest, func(ctx context.Context, dirs []string) error {
				ctx, cancel := context.WithTimeout(ctx, s.cfg.Health.Calls)
				defer cancel()
				return api.Sweep(ctx, control.SweepRequest{Store: store, Dirs: dirs})
			})
		},
		then: func(err error) {
			if err != nil {
				s.emit(Event{Kind: EventLeftover, Dest: dest, Error: err.Error()})
			}
		},
	})
}
