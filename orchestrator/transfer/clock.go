package transfer

import (
	"time"

	"github.com/skyctl/skyctl/orchestrator/journal"
)

// accountEvery bounds what a crash forgets of the time spent.
const accountEvery = time.Second

// clock measures the session from its first read to its last acknowledgement.
type clock struct {
	accounted time.Time // up to here it is in the journal; zero before the first read
	last      time.Time // the last acknowledgement
}

// start is called when reading begins, and again as often as one likes.
func (c *clock) start() {
	if c.accounted.IsZero() {
		c.accounted = time.Now()
		c.last = c.accounted
	}
}

// mark notes an acknowledgement and returns its time.
func (c *clock) mark() time.Time {
	c.last = time.Now()
	return c.last
}

// account brings the time into the journal.
func (c *clock) account(j *journal.Journal) error {
	spent := c.last.Sub(c.accounted)
	c.accounted = c.last
	if spent <= 0 {
		return nil
	}
	return j.Count(journal.CounterActive, int64(spent))
}

// scheduleClock accounts the time every now and then.
func (s *scheduler) scheduleClock() {
	s.timers.after(accountEvery, func() {
		s.record(s.clock.account(s.cfg.Journal))
		s.scheduleClock()
	})
}
