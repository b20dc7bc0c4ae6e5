package orchestrator

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"sync"

	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// eventLog is events.jsonl of a run, appended to by every process that works
// on it. Events are for people and pictures, so the first error in writing
// them is kept and returned at the end; it stops no transfer.
type eventLog struct {
	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
	err  error
}

func openEvents(run *rundir.Run) (*eventLog, error) {
	f, err := os.OpenFile(run.Events(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &eventLog{file: f, out: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (l *eventLog) add(e transfer.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	if l.err = json.NewEncoder(l.out).Encode(e); l.err == nil && e.Kind != transfer.EventChunk && e.Kind != transfer.EventObject {
		l.err = l.out.Flush()
	}
}

func (l *eventLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.out.Flush(), l.file.Close())
}

// events passes the transfer's events on to the log, if there is one, and to
// whoever observes.
func (o *Orchestrator) events(run *rundir.Run, log *eventLog) func(transfer.Event) {
	return func(e transfer.Event) {
		if log != nil {
			log.add(e)
		}
		o.observe(run, Progress{Event: &e})
	}
}
