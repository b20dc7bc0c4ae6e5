package main

import (
	"context"
	"errors"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab"
)

// look is how often to see how much has arrived.
const look = 50 * time.Millisecond

// change lets the job's changes happen, each when its share of the job's bytes has
// reached the destinations' stores: the same moment for every tool, however long
// it prepares. It returns when all have happened or ctx ends.
func (s *stage) change(ctx context.Context, before lab.Status) error {
	start := s.arrived(before)
	all := float64(s.file.Job.Size) * float64(s.file.Job.Objects) * float64(len(s.file.Job.To))
	for _, c := range s.file.Job.Changes {
		for reached := start; float64(reached-start) < c.At*all; {
			if !pause(ctx, look) {
				return nil
			}
			now, err := s.lab.Status(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			reached = s.arrived(now)
		}
		set := lab.Change{From: c.From, To: c.To}
		if c.Mbit > 0 {
			set.Mbit = &c.Mbit
		}
		if c.Down {
			set.Down = &c.Down
		}
		if err := s.lab.Set(ctx, set); err != nil {
			return err
		}
		if c.Resume > 0 {
			if !pause(ctx, time.Duration(c.Resume*float64(time.Second))) {
				return nil
			}
			if err := s.restore(ctx, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause waits, and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// arrived is what the destinations' stores have received, in bytes.
func (s *stage) arrived(status lab.Status) uint64 {
	var sum uint64
	for _, h := range status.Hosts {
		for _, to := range s.file.Job.To {
			if h.Store && h.Region == to {
				sum += h.Received
			}
		}
	}
	return sum
}

// restore sets every link as it was.
func (s *stage) restore(ctx context.Context, before lab.Status) error {
	var errs []error
	for _, l := range before.Links {
		errs = append(errs, s.lab.Set(ctx, lab.Change{From: l.From, To: l.To, OneWay: true, Mbit: &l.Mbit, Down: &l.Down}))
	}
	return errors.Join(errs...)
}
