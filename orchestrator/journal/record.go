package journal

import (
	"encoding/json"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

const (
	clearObjects    = `DELETE FROM objects`
	clearDeliveries = `DELETE FROM deliveries`
	clearChunks     = `DELETE FROM chunks`
	setValue        = `INSERT INTO run (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2`
	unsetValue      = `DELETE FROM run WHERE key = ?1`
	addCounter      = `INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = value + ?2`
	addRoute        = `INSERT INTO routes (reader, route, dest, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET bytes = bytes + ?4`
	setDestination  = `INSERT INTO destinations (number, url) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET url = ?2`
	addObject       = `INSERT INTO objects (number, key, size, version, modified, crc32c, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`
	addDelivery     = `INSERT INTO deliveries (object, dest, key, state, stage, kind, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`
	openObject      = `UPDATE objects SET chunk_size = ?2, opened = ?3 WHERE number = ?1`
	stage           = `UPDATE deliveries SET state = max(state, 1), upload = ?3, lost = ?4 WHERE object = ?1 AND dest = ?2 AND state <> 3`
	unstage         = `UPDATE deliveries SET state = CASE state WHEN 1 THEN 0 ELSE state END, upload = NULL WHERE object = ?1 AND dest = ?2`
	addChunk        = `INSERT OR REPLACE INTO chunks (object, dest, idx, digest, token) VALUES (?1, ?2, ?3, ?4, ?5)`
	forgetChunks    = `DELETE FROM chunks WHERE object = ?1 AND dest = ?2`
	deliver         = `UPDATE deliveries SET state = 3, upload = NULL, digest = ?3, verified = ?4, lost = CASE state WHEN 1 THEN lost ELSE 0 END | ?5 WHERE object = ?1 AND dest = ?2 AND state < 2`
	failDelivery    = `UPDATE deliveries SET state = 4, stage = ?3, kind = ?4, error = ?5 WHERE object = ?1 AND dest = ?2 AND state < 2`
	settle          = `UPDATE objects SET state = (SELECT CASE WHEN min(state) < 2 THEN 0 ELSE max(state) END FROM deliveries WHERE object = ?1) WHERE number = ?1`
)

// statements are prepared once.
var statements = []string{
	clearObjects, clearDeliveries, clearChunks, setValue, unsetValue, addCounter, addRoute, setDestination,
	addObject, addDelivery, openObject, stage, unstage, addChunk, forgetChunks, deliver, failDelivery, settle,
}

func (j *Journal) apply(f func(*batch) error) error { return j.record(record{apply: f}) }

// Set records a value of the run.
func (j *Journal) Set(key, value string) error {
	return j.apply(func(b *batch) error { return b.exec(setValue, key, value) })
}

// Count adds n to a counter of the run.
func (j *Journal) Count(name string, n int64) error {
	return j.apply(func(b *batch) error { b.counters[name] += n; return nil })
}

// CountRoute adds bytes that a route brought to a destination.
func (j *Journal) CountRoute(key RouteKey, bytes int64) error {
	return j.apply(func(b *batch) error { b.routes[key] += bytes; return nil })
}

// SetDestination records what the user calls the destination of that number.
func (j *Journal) SetDestination(number route.Dest, url string) error {
	return j.apply(func(b *batch) error { return b.exec(setDestination, number, url) })
}

// BeginListing forgets an earlier listing, complete or not. Listing again is
// possible only before anything is transferred.
func (j *Journal) BeginListing() error {
	return j.apply(func(b *batch) error {
		for _, q := range []string{clearObjects, clearDeliveries, clearChunks} {
			if err := b.exec(q); err != nil {
				return err
			}
		}
		return b.exec(unsetValue, KeyListed)
	})
}

// AddObject records a listed object with its deliveries, which are Pending,
// Skipped or Failed.
func (j *Journal) AddObject(o Object) error {
	return j.apply(func(b *batch) error {
		var modified, crc any
		if !o.Modified.IsZero() {
			modified = o.Modified.UnixNano()
		}
		if o.CRC32C != nil {
			crc = int64(*o.CRC32C)
		}
		state := objectState(o.Deliveries)
		if err := b.exec(addObject, o.Number, o.Key, o.Size, string(o.Version), modified, crc, state); err != nil {
			return err
		}
		for _, d := range o.Deliveries {
			var stage, kind, message any
			if d.Failure != nil {
				stage, kind, message = d.Failure.Stage, d.Failure.Kind, d.Failure.Message
			}
			if err := b.exec(addDelivery, o.Number, d.Dest, d.Key, d.State, stage, kind, message); err != nil {
				return err
			}
			b.rows++
		}
		return nil
	})
}

// objectState is what the statement settle computes.
func objectState(deliveries []Delivery) State {
	highest := Pending
	for _, d := range deliveries {
		if !d.State.Final() {
			return Pending
		}
		highest = max(highest, d.State)
	}
	return highest
}

// EndListing records that the listing is complete. Without it the listing does
// not count.
func (j *Journal) EndListing(fingerprint string) error { return j.Set(KeyListed, fingerprint) }

// OpenObject fixes how the object is split, in bytes a chunk, and records that
// from now on a staged write of it may exist that no Stage tells of.
func (j *Journal) OpenObject(object, chunkSize int64, now time.Time) error {
	return j.apply(func(b *batch) error { return b.exec(openObject, object, chunkSize, now.UnixNano()) })
}

// Stage records a staged write that the store has begun. Chunks of an earlier
// one are forgotten. A delivery that failed meanwhile stays Failed, with an
// upload to abort. Lost is the metadata that the destination cannot keep.
func (j *Journal) Stage(object int64, dest route.Dest, up objstore.Upload, lost objstore.Fields) error {
	text, err := json.Marshal(up)
	if err != nil {
		return err
	}
	return j.apply(func(b *batch) error {
		if err := b.exec(forgetChunks, object, dest); err != nil {
			return err
		}
		return b.exec(stage, object, dest, string(text), lost)
	})
}

// Unstage records that the store has no staged write of this delivery any
// more, and forgets its chunks. A Staged delivery is Pending again, a Failed
// one stays Failed.
func (j *Journal) Unstage(object int64, dest route.Dest) error {
	return j.apply(func(b *batch) error {
		if err := b.exec(forgetChunks, object, dest); err != nil {
			return err
		}
		return b.exec(unstage, object, dest)
	})
}

// AddChunk records an acknowledged part of a staged write.
func (j *Journal) AddChunk(c Chunk) error {
	return j.apply(func(b *batch) error {
		return b.exec(addChunk, c.Object, c.Dest, c.Index, int64(c.Digest), c.Token)
	})
}

// Deliver records that the object is at the destination, whole and checked as
// verified says. What Stage recorded as lost of a staged write's metadata is
// added to d.Lost. A final delivery is not changed.
func (j *Journal) Deliver(object int64, dest route.Dest, d Delivered) error {
	return j.apply(func(b *batch) error {
		if err := b.exec(deliver, object, dest, int64(d.Digest), d.Verified, d.Lost); err != nil {
			return err
		}
		if d.Staged {
			if err := b.exec(forgetChunks, object, dest); err != nil {
				return err
			}
		}
		return b.exec(settle, object)
	})
}

// Fail records that the delivery is given up. Its upload stays recorded until
// Unstage says that it was aborted. A final delivery is not changed.
func (j *Journal) Fail(object int64, dest route.Dest, f Failure) error {
	return j.apply(func(b *batch) error {
		if err := b.exec(failDelivery, object, dest, f.Stage, f.Kind, f.Message); err != nil {
			return err
		}
		return b.exec(settle, object)
	})
}

// unixTime is the inverse of what AddObject records.
func unixTime(ns int64) time.Time { return time.Unix(0, ns) }
