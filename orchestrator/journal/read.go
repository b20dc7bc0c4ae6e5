package journal

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// Reader reads the committed records of a run, also while another process
// writes them. It is safe for concurrent use.
type Reader struct{ db *sql.DB }

// OpenReader opens an existing journal. A file that is not a journal of this
// version is a *VersionError.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	if err := checkVersion(ctx, path); err != nil {
		return nil, err
	}
	db, err := openDB(path, true)
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	db.SetMaxOpenConns(2)
	return &Reader{db}, nil
}

// Close closes the Reader.
func (r *Reader) Close() error { return r.db.Close() }

// Value returns a value of the run, "" if it was never set.
func (r *Reader) Value(ctx context.Context, key string) (string, error) {
	var v string
	err := r.db.QueryRowContext(ctx, `SELECT value FROM run WHERE key = ?`, key).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, readError(err)
}

// Counter returns a counter of the run, 0 if it was never counted.
func (r *Reader) Counter(ctx context.Context, name string) (int64, error) {
	var n int64
	err := r.db.QueryRowContext(ctx, `SELECT value FROM counters WHERE name = ?`, name).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, readError(err)
}

// Destinations returns what the user calls the destinations, by number.
func (r *Reader) Destinations(ctx context.Context) ([]string, error) {
	var urls []string
	err := r.each(ctx, func(rows *sql.Rows) error {
		var url string
		err := rows.Scan(&url)
		urls = append(urls, url)
		return err
	}, `SELECT url FROM destinations ORDER BY number`)
	return urls, err
}

// Counts returns the objects and bytes by state.
func (r *Reader) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	err := r.each(ctx, func(rows *sql.Rows) error {
		var state State
		var n, bytes int64
		if err := rows.Scan(&state, &n, &bytes); err != nil {
			return err
		}
		c.Listed += n
		c.ListedBytes += bytes
		switch state {
		case Done:
			c.Done, c.DoneBytes = n, bytes
		case Skipped:
			c.Skipped, c.SkippedBytes = n, bytes
		case Failed:
			c.Failed, c.FailedBytes = n, bytes
		default:
			c.Pending, c.PendingBytes = n, bytes
		}
		return nil
	}, `SELECT state, count(*), sum(size) FROM objects GROUP BY state`)
	return c, err
}

// FinishedChunks returns how many chunks are acknowledged, counted once a
// destination: those of done deliveries and those recorded of staged ones.
func (r *Reader) FinishedChunks(ctx context.Context) (int64, error) {
	var n int64
	err := r.db.QueryRowContext(ctx, `
		SELECT (SELECT count(*) FROM chunks) +
			coalesce((SELECT sum(CASE WHEN o.chunk_size = 0 OR o.size <= o.chunk_size THEN 1 ELSE (o.size + o.chunk_size - 1) / o.chunk_size END)
				FROM deliveries d JOIN objects o ON o.number = d.object WHERE d.state = 3), 0)`).Scan(&n)
	return n, readError(err)
}

// Verified counts done deliveries by how their digest was checked, as Delivered
// has it; "" are those without a record of that.
func (r *Reader) Verified(ctx context.Context) (map[string]int64, error) {
	by := map[string]int64{}
	err := r.each(ctx, func(rows *sql.Rows) error {
		var how string
		var n int64
		err := rows.Scan(&how, &n)
		by[how] = n
		return err
	}, `SELECT verified, count(*) FROM deliveries WHERE state = 3 GROUP BY verified`)
	return by, err
}

// Routes returns the bytes that each route brought to each destination.
func (r *Reader) Routes(ctx context.Context) (map[RouteKey]int64, error) {
	routes := map[RouteKey]int64{}
	err := r.each(ctx, func(rows *sql.Rows) error {
		var k RouteKey
		var bytes int64
		err := rows.Scan(&k.Reader, &k.Route, &k.Dest, &bytes)
		routes[k] = bytes
		return err
	}, `SELECT reader, route, dest, bytes FROM routes`)
	return routes, err
}

// Failures returns the first limit failed deliveries in the order of objects;
// all for a limit below 0.
func (r *Reader) Failures(ctx context.Context, limit int) ([]FailedDelivery, error) {
	var failed []FailedDelivery
	err := r.each(ctx, func(rows *sql.Rows) error {
		var f FailedDelivery
		err := rows.Scan(&f.Object, &f.Key, &f.Dest, &f.DestKey, &f.Stage, &f.Kind, &f.Message)
		failed = append(failed, f)
		return err
	}, `SELECT d.object, o.key, d.dest, d.key, d.stage, d.kind, d.error
		FROM deliveries d JOIN objects o ON o.number = d.object
		WHERE d.state = 4 ORDER BY d.object, d.dest LIMIT ?`, limit)
	return failed, err
}

// Staged returns the next staged writes behind the delivery (object, dest), at
// most limit. Start with object -1.
func (r *Reader) Staged(ctx context.Context, object int64, dest route.Dest, limit int) ([]StagedDelivery, error) {
	var staged []StagedDelivery
	err := r.each(ctx, func(rows *sql.Rows) error {
		var s StagedDelivery
		var key string
		var upload sql.NullString
		if err := rows.Scan(&s.Object, &s.Dest, &s.State, &key, &upload); err != nil {
			return err
		}
		up, err := uploadOf(upload, key)
		if err == nil {
			s.Upload = *up
			staged = append(staged, s)
		}
		return err
	}, `SELECT object, dest, state, key, upload FROM deliveries
		WHERE upload IS NOT NULL AND (object, dest) > (?, ?) ORDER BY object, dest LIMIT ?`, object, dest, limit)
	return staged, err
}

// Opened returns the next deliveries behind (object, dest) that were opened for a
// staged write, have none recorded, and are not done, at most limit. Start with
// object -1.
func (r *Reader) Opened(ctx context.Context, object int64, dest route.Dest, limit int) ([]OpenedDelivery, error) {
	var open []OpenedDelivery
	err := r.each(ctx, func(rows *sql.Rows) error {
		var d OpenedDelivery
		var opened int64
		err := rows.Scan(&d.Object, &d.Dest, &d.Key, &opened)
		d.Opened = unixTime(opened)
		open = append(open, d)
		return err
	}, `SELECT d.object, d.dest, d.key, o.opened FROM objects o JOIN deliveries d ON d.object = o.number
		WHERE o.opened IS NOT NULL AND d.upload IS NULL AND d.state IN (0, 4) AND (d.object, d.dest) > (?, ?)
		ORDER BY d.object, d.dest LIMIT ?`, object, dest, limit)
	return open, err
}

// Directories calls yield with each directory of the keys that the destination
// was to get, once, with the slash at its end and "" for the uppermost.
func (r *Reader) Directories(ctx context.Context, dest route.Dest, yield func(dir string) error) error {
	seed, seen := maphash.MakeSeed(), map[uint64]struct{}{} // eight bytes a directory, however long its name
	return r.each(ctx, func(rows *sql.Rows) error {
		var key string
		if err := rows.Scan(&key); err != nil {
			return err
		}
		dir := key[:strings.LastIndexByte(key, '/')+1]
		hash := maphash.String(seed, dir)
		if _, ok := seen[hash]; ok {
			return nil
		}
		seen[hash] = struct{}{}
		return yield(dir)
	}, `SELECT key FROM deliveries WHERE dest = ? AND state <> ? ORDER BY object`, dest, Skipped)
}

// Lost returns what of the metadata of done deliveries the destinations could
// not keep, one row a destination and field.
func (r *Reader) Lost(ctx context.Context) ([]Loss, error) {
	var losses []Loss
	err := r.each(ctx, func(rows *sql.Rows) error {
		var dest route.Dest
		var fields objstore.Fields
		var n int64
		if err := rows.Scan(&dest, &fields, &n); err != nil {
			return err
		}
		for bit := objstore.Fields(1); bit != 0; bit <<= 1 {
			if fields&bit == 0 {
				continue
			}
			i := slices.IndexFunc(losses, func(l Loss) bool { return l.Dest == dest && l.Field == bit })
			if i < 0 {
				i = len(losses)
				losses = append(losses, Loss{Dest: dest, Field: bit})
			}
			losses[i].Objects += n
		}
		return nil
	}, `SELECT dest, lost, count(*) FROM deliveries WHERE lost <> 0 AND state = 3 GROUP BY dest, lost ORDER BY dest, lost`)
	slices.SortFunc(losses, func(a, b Loss) int {
		return cmp.Or(cmp.Compare(a.Dest, b.Dest), cmp.Compare(a.Field, b.Field))
	})
	return losses, err
}

// Chunks returns the acknowledged chunks of a delivery in order.
func (r *Reader) Chunks(ctx context.Context, object int64, dest route.Dest) ([]Chunk, error) {
	var chunks []Chunk
	err := r.each(ctx, func(rows *sql.Rows) error {
		c := Chunk{Object: object, Dest: dest}
		err := rows.Scan(&c.Index, &c.Digest, &c.Token)
		chunks = append(chunks, c)
		return err
	}, `SELECT idx, digest, token FROM chunks WHERE object = ? AND dest = ? ORDER BY idx`, object, dest)
	return chunks, err
}

// each calls scan for every row of a query.
func (r *Reader) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return readError(err)
	}
	for rows.Next() {
		if err = scan(rows); err != nil {
			break
		}
	}
	return readError(errors.Join(err, rows.Err(), rows.Close()))
}

func readError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read the journal: %w", err)
}

// digestOf turns a nullable column into an optional digest.
func digestOf(v sql.NullInt64) *chunk.Digest {
	if !v.Valid {
		return nil
	}
	d := chunk.Digest(v.Int64)
	return &d
}

// uploadOf turns a nullable column into an optional upload of key, which JSON
// may have changed: keys need not be UTF-8.
func uploadOf(v sql.NullString, key string) (*objstore.Upload, error) {
	if !v.Valid {
		return nil, nil
	}
	up := new(objstore.Upload)
	err := json.Unmarshal([]byte(v.String), up)
	up.Key = key
	return up, err
}
