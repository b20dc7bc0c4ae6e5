package journal

import (
	"context"
	"database/sql"

	"github.com/skyctl/skyctl/agent/objstore"
)

// columns of an object and one of its deliveries, as scanRow takes them.
const columns = `o.number, o.key, o.size, o.version, o.modified, o.crc32c, o.chunk_size, o.opened, o.state,
	d.dest, d.key, d.state, d.upload, d.digest, d.verified, d.stage, d.kind, d.error`

// Pending returns the next objects with a number above after that are not
// final, with all their deliveries, at most limit. Start with -1; a short page
// is not the end, an empty one is.
func (r *Reader) Pending(ctx context.Context, after int64, limit int) ([]Object, error) {
	return r.page(ctx, `SELECT `+columns+`
		FROM (SELECT * FROM objects WHERE number > ? AND state = 0 ORDER BY number LIMIT ?) o
		JOIN deliveries d ON d.object = o.number ORDER BY o.number, d.dest`, after, limit)
}

// Objects is like Pending for all objects.
func (r *Reader) Objects(ctx context.Context, after int64, limit int) ([]Object, error) {
	return r.page(ctx, `SELECT `+columns+`
		FROM (SELECT * FROM objects WHERE number > ? ORDER BY number LIMIT ?) o
		JOIN deliveries d ON d.object = o.number ORDER BY o.number, d.dest`, after, limit)
}

func (r *Reader) page(ctx context.Context, query string, after int64, limit int) ([]Object, error) {
	var page []Object
	err := r.each(ctx, func(rows *sql.Rows) error {
		o, d, err := scanRow(rows)
		if err != nil {
			return err
		}
		if n := len(page); n == 0 || page[n-1].Number != o.Number {
			page = append(page, o)
		}
		last := &page[len(page)-1]
		last.Deliveries = append(last.Deliveries, d)
		return nil
	}, query, after, limit)
	return page, err
}

func scanRow(rows *sql.Rows) (o Object, d Delivery, err error) {
	var modified, crc, opened, digest, kind sql.NullInt64
	var upload, verified, stage, message sql.NullString
	err = rows.Scan(&o.Number, &o.Key, &o.Size, &o.Version, &modified, &crc, &o.ChunkSize, &opened, &o.State,
		&d.Dest, &d.Key, &d.State, &upload, &digest, &verified, &stage, &kind, &message)
	if err != nil {
		return o, d, err
	}
	if modified.Valid {
		o.Modified = unixTime(modified.Int64)
	}
	if opened.Valid {
		o.Opened = unixTime(opened.Int64)
	}
	o.CRC32C = digestOf(crc)
	d.Digest = digestOf(digest)
	d.Verified = verified.String
	if message.Valid {
		d.Failure = &Failure{Stage: stage.String, Kind: objstore.Kind(kind.Int64), Message: message.String}
	}
	d.Upload, err = uploadOf(upload, d.Key)
	return o, d, err
}
