package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	// commitEvery is how long a record waits for company. Half of what the
	// package promises, so that the other half is left to the commit.
	commitEvery = 50 * time.Millisecond
	// commitRows bounds a transaction, and with it the write-ahead log.
	commitRows = 10_000
	// queued is how many records may wait for the writer.
	queued = 4096
)

// record is one entry of the queue: a change, or a wish to see everything
// before it committed.
type record struct {
	apply   func(*batch) error
	flushed chan<- error
}

// writer is the goroutine that owns the writing connection.
type writer struct {
	queue  chan record
	broken chan struct{} // closed after err is set
	err    error
	ended  chan struct{} // closed after closeErr is set

	closeErr error
	db       *sql.DB
}

func (w *writer) open(ctx context.Context, path string) error {
	db, err := openDB(path, false)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	b, err := newBatch(ctx, conn)
	if err != nil {
		return errors.Join(err, conn.Close(), db.Close())
	}
	w.db = db
	w.queue = make(chan record, queued)
	w.broken = make(chan struct{})
	w.ended = make(chan struct{})
	go w.run(b)
	return nil
}

// close waits for the goroutine, whose queue was closed.
func (w *writer) close() error {
	<-w.ended
	return errors.Join(w.err, w.closeErr, w.db.Close())
}

func (w *writer) run(b *batch) {
	defer func() {
		w.closeErr = b.close()
		close(w.ended)
	}()
	for {
		more, err := w.transaction(b)
		if err != nil {
			w.fail(fmt.Errorf("write the journal: %w", err))
			return
		}
		if !more {
			return
		}
	}
}

// transaction commits one batch of records. It reports false when the queue
// was closed and everything is committed.
func (w *writer) transaction(b *batch) (more bool, err error) {
	first, more := <-w.queue
	if !more {
		return false, nil
	}
	var waiters []chan<- error
	defer func() {
		for _, c := range waiters {
			c <- err
		}
	}()
	due := time.NewTimer(commitEvery)
	defer due.Stop()
	begun := b.begin()
	for r := first; ; {
		if r.flushed != nil {
			waiters = append(waiters, r.flushed)
		}
		if begun != nil {
			return false, begun
		}
		if r.apply != nil {
			if err := r.apply(b); err != nil {
				b.rollback()
				return false, err
			}
			b.rows++
		}
		// Somebody waits: take only what is already here.
		if len(waiters) > 0 && len(w.queue) == 0 || b.rows >= commitRows {
			return more, b.commit()
		}
		select {
		case r, more = <-w.queue:
			if !more {
				return false, b.commit()
			}
		case <-due.C:
			return true, b.commit()
		}
	}
}

// fail refuses everything from now on, so that no caller waits for a commit
// that never comes.
func (w *writer) fail(err error) {
	w.err = err
	close(w.broken)
	for r := range w.queue {
		if r.flushed != nil {
			r.flushed <- err
		}
	}
}

// batch is the open transaction and its prepared statements.
type batch struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	rows     int
	counters map[string]int64   // to be added at commit
	routes   map[RouteKey]int64 // likewise
}

// background: statements of the writer are not to be torn by a context; what
// ends the writer is Close. It also spares a goroutine a statement.
var background = context.Background()

func newBatch(ctx context.Context, conn *sql.Conn) (*batch, error) {
	b := &batch{conn: conn, prepared: map[string]*sql.Stmt{}, counters: map[string]int64{}, routes: map[RouteKey]int64{}}
	for _, q := range statements {
		s, err := conn.PrepareContext(ctx, q)
		if err != nil {
			b.close()
			return nil, err
		}
		b.prepared[q] = s
	}
	return b, nil
}

func (b *batch) exec(query string, args ...any) error {
	_, err := b.prepared[query].ExecContext(background, args...)
	return err
}

func (b *batch) begin() error {
	b.rows = 0
	_, err := b.conn.ExecContext(background, "BEGIN IMMEDIATE")
	return err
}

func (b *batch) commit() error {
	for name, n := range b.counters {
		if err := b.exec(addCounter, name, n); err != nil {
			b.rollback()
			return err
		}
	}
	for key, n := range b.routes {
		if err := b.exec(addRoute, string(key.Reader), key.Route, key.Dest, n); err != nil {
			b.rollback()
			return err
		}
	}
	clear(b.counters)
	clear(b.routes)
	if _, err := b.conn.ExecContext(background, "COMMIT"); err != nil {
		b.rollback()
		return err
	}
	return nil
}

// rollback ends the transaction after an error, where SQLite has not done so by
// itself, as on a full disk. Nothing is written on this connection any more.
func (b *batch) rollback() { _, _ = b.conn.ExecContext(background, "ROLLBACK") }

// close ends the connection; what it could not commit was reported before.
func (b *batch) close() error {
	errs := make([]error, 0, len(b.prepared)+1)
	for _, s := range b.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, b.conn.Close())...)
}
