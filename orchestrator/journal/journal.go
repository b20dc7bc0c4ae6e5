package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrClosed is returned for a record that comes after Close.
var ErrClosed = errors.New("journal: closed")

// Journal writes the run's database and reads it. The methods that record take
// a copy of what they are given, put it into the queue and return; they wait
// only while the queue is full, and fail only when the database did (a full
// disk): then nothing that was not committed is, and the run must stop. They
// are safe for concurrent use; records of one goroutine keep their order.
type Journal struct {
	*Reader
	w writer

	mu     sync.RWMutex // held for reading while sending into the queue
	closed bool
}

// Create makes the journal of a new run at path, which must not exist.
func Create(ctx context.Context, path string) (*Journal, error) {
	if err := createFile(ctx, path); err != nil {
		return nil, fmt.Errorf("create journal %s: %w", path, err)
	}
	return Open(ctx, path)
}

// Open opens an existing journal for writing and reading. The caller holds the
// run's lock. A file that is not a journal of this version is a *VersionError.
func Open(ctx context.Context, path string) (*Journal, error) {
	r, err := OpenReader(ctx, path)
	if err != nil {
		return nil, err
	}
	j := &Journal{Reader: r}
	if err := j.w.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), r.Close())
	}
	return j, nil
}

// Close commits what was recorded and closes the database. No record is lost
// silently: the error is that of the first that could not be written.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	close(j.w.queue)
	j.mu.Unlock()
	return errors.Join(j.w.close(), j.Reader.Close())
}

// Flush returns when everything that was recorded before it is committed. Many
// waiters share one commit.
func (j *Journal) Flush(ctx context.Context) error {
	done := make(chan error, 1)
	if err := j.record(record{flushed: done}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Broken is closed when the database cannot be written any more; Err says why.
func (j *Journal) Broken() <-chan struct{} { return j.w.broken }

// Err is the error that made the journal Broken, or nil.
func (j *Journal) Err() error {
	select {
	case <-j.w.broken:
		return j.w.err
	default:
		return nil
	}
}

func (j *Journal) record(r record) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.closed {
		return ErrClosed
	}
	if err := j.Err(); err != nil {
		return err
	}
	select {
	case j.w.queue <- r:
		return nil
	case <-j.w.broken:
		return j.w.err
	}
}
