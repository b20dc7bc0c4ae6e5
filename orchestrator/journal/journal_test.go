package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

func create(t *testing.T) *Journal {
	t.Helper()
	j, err := Create(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// must takes the errors of several calls.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func pending(number int64, size int64, dests ...route.Dest) Object {
	o := Object{Number: number, Key: fmt.Sprint("key-", number), Size: size, Version: "v"}
	for _, d := range dests {
		o.Deliveries = append(o.Deliveries, Delivery{Dest: d, Key: fmt.Sprint("to-", number)})
	}
	return o
}

func counts(t *testing.T, j *Journal) Counts {
	t.Helper()
	must(t, j.Flush(t.Context()))
	c, err := j.Counts(t.Context())
	must(t, err)
	return c
}

func TestObjectsComeBackAsListed(t *testing.T) {
	j := create(t)
	digest := chunk.Digest(0xfedcba98)
	in := []Object{
		{Number: 0, Key: "a b+%#?/ü\xff//", Size: 1 << 41, Version: `"etag"`, Modified: time.Unix(17, 42), CRC32C: &digest, Deliveries: []Delivery{
			{Dest: 0, Key: "x"}, {Dest: 7, State: Skipped},
		}},
		{Number: 1, Key: "", Deliveries: []Delivery{
			{Dest: 0, State: Failed, Failure: &Failure{Stage: "list", Kind: objstore.KindInvalid, Message: "no"}},
		}},
		{Number: 2, Key: "\x00", Size: 5, Deliveries: []Delivery{{Dest: 0, Key: "z", State: Skipped}}},
	}
	must(t, j.BeginListing())
	for _, o := range in {
		must(t, j.AddObject(o))
	}
	must(t, j.EndListing("fingerprint"), j.Flush(t.Context()))
	in[1].State, in[2].State = Failed, Skipped
	out, err := j.Objects(t.Context(), -1, 10)
	if err != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("%v\n got %+v\nwant %+v", err, out, in)
	}
	want := Counts{Listed: 3, Pending: 1, Failed: 1, Skipped: 1, ListedBytes: 1<<41 + 5, PendingBytes: 1 << 41, SkippedBytes: 5}
	if c := counts(t, j); c != want {
		t.Errorf("%+v", c)
	}
	if v, err := j.Value(t.Context(), KeyListed); v != "fingerprint" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	must(t, j.BeginListing())
	if c := counts(t, j); c != (Counts{}) {
		t.Errorf("after another BeginListing: %+v", c)
	}
	if v, err := j.Value(t.Context(), KeyListed); v != "" || err != nil {
		t.Errorf("a listing that is not finished counts as %q, %v", v, err)
	}
}

// TestUploadOfAnyKey: one that JSON would change comes back as it was.
func TestUploadOfAnyKey(t *testing.T) {
	j := create(t)
	const key = "d\xff/k"
	must(t, j.AddObject(Object{Key: key, Size: 1, Deliveries: []Delivery{{Key: key}}}))
	up := objstore.Upload{Key: key, ID: "id", Size: 1}
	must(t, j.Stage(0, 0, up, 0), j.Flush(t.Context()))
	if page, err := j.Pending(t.Context(), -1, 1); err != nil || *page[0].Deliveries[0].Upload != up {
		t.Errorf("pending: %+v, %v", page, err)
	}
	if staged, err := j.Staged(t.Context(), -1, 0, 1); err != nil || staged[0].Upload != up {
		t.Errorf("staged: %+v, %v", staged, err)
	}
}

func TestPagesAreInOrderAndSkipWhatIsFinal(t *testing.T) {
	j := create(t)
	for i := range int64(1000) {
		must(t, j.AddObject(pending(i, 1, 0, 1)))
	}
	for i := range int64(1000) {
		if i%3 != 0 {
			must(t, j.Deliver(i, 0, Delivered{Digest: 1, Verified: "store"}), j.Deliver(i, 1, Delivered{Digest: 1, Verified: "store"}))
		} else if i%2 == 0 {
			must(t, j.Deliver(i, 1, Delivered{Digest: 1, Verified: "store"})) // half done is pending
		}
	}
	must(t, j.Flush(t.Context()))
	after, seen := int64(-1), int64(0)
	for {
		page, err := j.Pending(t.Context(), after, 64)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, o := range page {
			if o.Number != seen*3 || len(o.Deliveries) != 2 || (o.Deliveries[1].State == Done) != (o.Number%2 == 0) {
				t.Fatalf("object %d of the pages is %+v", seen, o)
			}
			seen++
			after = o.Number
		}
	}
	if seen != 334 {
		t.Errorf("%d pending objects", seen)
	}
}

func TestStateOfAnObjectFollowsItsDeliveries(t *testing.T) {
	done := func(j *Journal, d route.Dest) error {
		return j.Deliver(0, d, Delivered{Digest: 9, Verified: "read", Staged: true})
	}
	fail := func(j *Journal, d route.Dest) error {
		return j.Fail(0, d, Failure{Stage: "write", Kind: objstore.KindPermission, Message: "denied"})
	}
	type step func(*Journal, route.Dest) error
	for _, c := range []struct {
		name  string
		steps [2]step
		want  State
	}{
		{"one of two", [2]step{done, nil}, Pending},
		{"both", [2]step{done, done}, Done},
		{"one failed", [2]step{nil, fail}, Pending},
		{"one done, one failed", [2]step{done, fail}, Failed},
		{"both failed", [2]step{fail, fail}, Failed},
		{"what is final stays", [2]step{
			func(j *Journal, d route.Dest) error { return errors.Join(done(j, d), fail(j, d)) },
			func(j *Journal, d route.Dest) error { return errors.Join(done(j, d), fail(j, d)) },
		}, Done},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := create(t)
			must(t, j.AddObject(pending(0, 5, 0, 1)))
			for d, f := range c.steps {
				if f != nil {
					must(t, f(j, route.Dest(d)))
				}
			}
			must(t, j.Flush(t.Context()))
			all, err := j.Objects(t.Context(), -1, 1)
			if err != nil || all[0].State != c.want {
				t.Errorf("state %v, %v", all[0].State, err)
			}
		})
	}
}

func TestLifeOfAStagedWrite(t *testing.T) {
	j := create(t)
	ctx := t.Context()
	up := objstore.Upload{Key: "to-0", ID: "u1", Size: 100}
	must(t,
		j.AddObject(pending(0, 100, 0, 1)), j.AddObject(pending(1, 7, 0, 1)),
		j.OpenObject(0, 40, unixTime(7)), j.Stage(0, 0, up, objstore.FieldTags), j.Stage(0, 1, up, 0),
		j.AddChunk(Chunk{Object: 0, Dest: 0, Index: 2, Digest: 3, Token: "t2"}),
		j.AddChunk(Chunk{Object: 0, Dest: 0, Index: 0, Digest: 1, Token: "t0"}),
		j.AddChunk(Chunk{Object: 0, Dest: 0, Index: 0, Digest: 1, Token: "again"}),
		j.Flush(ctx),
	)
	chunks, err := j.Chunks(ctx, 0, 0)
	want := []Chunk{{Index: 0, Digest: 1, Token: "again"}, {Index: 2, Digest: 3, Token: "t2"}}
	if err != nil || !reflect.DeepEqual(chunks, want) {
		t.Errorf("%+v, %v", chunks, err)
	}
	page, err := j.Pending(ctx, -1, 1)
	if err != nil || page[0].ChunkSize != 40 || page[0].Deliveries[0].State != Staged || *page[0].Deliveries[0].Upload != up {
		t.Errorf("%+v, %v", page, err)
	}
	staged, err := j.Staged(ctx, -1, 0, 1)
	if err != nil || len(staged) != 1 || staged[0] != (StagedDelivery{Object: 0, Dest: 0, State: Staged, Upload: up}) {
		t.Errorf("%+v, %v", staged, err)
	}
	if staged, err = j.Staged(ctx, 0, 0, 10); err != nil || len(staged) != 1 || staged[0].Dest != 1 {
		t.Errorf("%+v, %v", staged, err)
	}
	if open, err := j.Opened(ctx, -1, 0, 10); err != nil || len(open) != 0 {
		t.Errorf("open, although their uploads are known: %+v, %v", open, err)
	}
	finished := func(want int64) {
		t.Helper()
		must(t, j.Flush(ctx))
		if n, err := j.FinishedChunks(ctx); n != want || err != nil {
			t.Errorf("%d finished chunks, want %d, %v", n, want, err)
		}
	}
	finished(2)
	must(t, j.Deliver(0, 0, Delivered{Digest: 77, Verified: "read", Staged: true, Lost: objstore.FieldUser}), j.Deliver(1, 0, Delivered{Digest: 78, Lost: objstore.FieldUser | objstore.FieldTags}))
	finished(3 + 1)
	must(t, j.Fail(0, 1, Failure{Stage: "write", Kind: objstore.KindInvalid, Message: "no"}), j.Flush(ctx))
	if staged, err = j.Staged(ctx, -1, 0, 10); err != nil || len(staged) != 1 || staged[0].State != Failed {
		t.Errorf("a failed delivery's upload must stay until it is aborted: %+v, %v", staged, err)
	}
	must(t, j.Unstage(0, 1), j.Flush(ctx))
	if staged, err = j.Staged(ctx, -1, 0, 10); err != nil || len(staged) != 0 {
		t.Errorf("%+v, %v", staged, err)
	}
	opened, err := j.Opened(ctx, -1, 0, 10)
	if err != nil || !reflect.DeepEqual(opened, []OpenedDelivery{{Object: 0, Dest: 1, Key: "to-0", Opened: unixTime(7)}}) {
		t.Errorf("%+v, %v", opened, err)
	}
	lost, err := j.Lost(ctx)
	wantLost := []Loss{{Dest: 0, Field: objstore.FieldUser, Objects: 2}, {Dest: 0, Field: objstore.FieldTags, Objects: 2}}
	if err != nil || !reflect.DeepEqual(lost, wantLost) {
		t.Errorf("%+v, %v", lost, err)
	}
	failures, err := j.Failures(ctx, 100)
	wantFailure := FailedDelivery{Object: 0, Key: "key-0", Dest: 1, DestKey: "to-0", Failure: Failure{Stage: "write", Kind: objstore.KindInvalid, Message: "no"}}
	if err != nil || len(failures) != 1 || failures[0] != wantFailure {
		t.Errorf("%+v, %v", failures, err)
	}
	if by, err := j.Verified(ctx); by[""] != 1 || err != nil {
		t.Errorf("verified by %v, %v", by, err)
	}
	// An upload that begins after its delivery failed is still to be aborted.
	must(t, j.Stage(0, 1, up, 0), j.Flush(ctx))
	if staged, err = j.Staged(ctx, -1, 0, 10); err != nil || len(staged) != 1 || staged[0].State != Failed {
		t.Errorf("%+v, %v", staged, err)
	}
}

func TestCountersAddUpAndValuesReplace(t *testing.T) {
	j := create(t)
	key := RouteKey{Reader: "r", Route: 3, Dest: 1}
	for i := range 10 {
		must(t, j.Count(CounterRetries, 2), j.CountRoute(key, 1<<33), j.Set("k", fmt.Sprint(i)), j.SetDestination(route.Dest(i%2), "west://data/"))
		if i == 5 {
			must(t, j.Flush(t.Context()))
		}
	}
	must(t, j.Flush(t.Context()))
	n, err1 := j.Counter(t.Context(), CounterRetries)
	v, err2 := j.Value(t.Context(), "k")
	routes, err3 := j.Routes(t.Context())
	urls, err4 := j.Destinations(t.Context())
	must(t, err1, err2, err3, err4)
	if n != 20 || v != "9" || len(routes) != 1 || routes[key] != 10<<33 || len(urls) != 2 {
		t.Errorf("%d, %q, %v, %v", n, v, routes, urls)
	}
}

func TestRecordsAreCommittedWithoutAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := create(t)
		must(t, j.Set("k", "v"))
		time.Sleep(100 * time.Millisecond) // fake: what the package promises
		synctest.Wait()
		if v, err := j.Value(t.Context(), "k"); v != "v" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	})
}

func TestCloseCommitsAndRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	j, err := Create(t.Context(), path)
	must(t, err)
	must(t, j.Set("k", "v"), j.Close(), j.Close())
	if err := j.Set("k", "w"); !errors.Is(err, ErrClosed) {
		t.Errorf("a record after Close: %v", err)
	}
	if err := j.Flush(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Flush after Close: %v", err)
	}
	r, err := OpenReader(t.Context(), path)
	must(t, err)
	if v, err := r.Value(t.Context(), "k"); v != "v" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if _, err := r.db.Exec("DELETE FROM run"); err == nil {
		t.Error("a Reader can write")
	}
	must(t, r.Close())
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestBrokenDatabaseRefusesEverything(t *testing.T) {
	j, err := Create(t.Context(), filepath.Join(t.TempDir(), "j.db"))
	must(t, err)
	must(t, j.AddObject(pending(0, 1, 0)), j.Flush(t.Context()))
	if err := j.Err(); err != nil {
		t.Fatal(err)
	}
	must(t, j.AddObject(pending(0, 1, 0))) // the same number: a constraint fails
	if err := j.Flush(t.Context()); err == nil {
		t.Error("Flush succeeds after a record that cannot be written")
	}
	<-j.Broken()
	if err := j.Set("k", "v"); err == nil || j.Err() == nil {
		t.Errorf("goes on: %v, %v", err, j.Err())
	}
	c, err := j.Counts(t.Context())
	if err != nil || c.Listed != 1 {
		t.Errorf("what was committed before: %+v, %v", c, err)
	}
	if err := j.Close(); err == nil {
		t.Error("Close hides it")
	}
}

// TestAFullDisk is said in one line, and what was committed is there afterwards.
func TestAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	j, err := Create(t.Context(), path)
	must(t, err)
	must(t, j.AddObject(pending(0, 1, 0)), j.Flush(t.Context()))
	must(t, j.apply(func(b *batch) error {
		_, err := b.conn.ExecContext(background, "PRAGMA max_page_count = 100")
		return err
	}))
	for i := int64(1); err == nil; i++ {
		err = j.AddObject(pending(i, 1, 0))
	}
	if text := err.Error(); !strings.Contains(text, "disk is full") || strings.Contains(text, "\n") {
		t.Errorf("it says %q", text)
	}
	if err := j.Close(); err == nil {
		t.Error("Close hides it")
	}
	j, err = Open(t.Context(), path)
	must(t, err)
	c, err := j.Counts(t.Context())
	if err != nil || c.Listed == 0 {
		t.Errorf("what was committed before: %+v, %v", c, err)
	}
	must(t, j.Set("k", "v"), j.Close())
}

func TestForeignFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.db")
	if _, err := Open(t.Context(), missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Error("opening made a file")
	}
	text := filepath.Join(dir, "text.db")
	must(t, os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600))
	other := filepath.Join(dir, "other.db")
	db, err := sql.Open("sqlite", other)
	must(t, err)
	_, err = db.Exec("CREATE TABLE t (x)")
	must(t, err, db.Close())
	newer := filepath.Join(dir, "new er%20?.db") // also: a name that needs escaping
	j, err := Create(t.Context(), newer)
	must(t, err)
	must(t, j.apply(func(b *batch) error {
		_, err := b.conn.ExecContext(context.Background(), "PRAGMA user_version = 99")
		return err
	}), j.Close())
	for path, have := range map[string]int{text: 0, other: 0, newer: 99} {
		var wrong *VersionError
		if _, err := Open(t.Context(), path); !errors.As(err, &wrong) || wrong.Have != have || wrong.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	good := filepath.Join(dir, "good.db")
	j, err = Create(t.Context(), good)
	must(t, err, j.Close())
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := OpenReader(stopped, good); !errors.Is(err, context.Canceled) {
		t.Errorf("a journal that nobody waited for: %v", err)
	}
	if _, err := Create(t.Context(), text); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a file: %v", err)
	}
}

func TestFingerprintSeparatesItsFields(t *testing.T) {
	seen := map[string]string{}
	for _, c := range [][]Object{
		{}, {{Key: "ab", Version: "c"}}, {{Key: "a", Version: "bc"}}, {{Key: "ab", Size: 1, Version: "c"}},
		{{Key: "ab"}, {Key: "c"}}, {{Key: "c"}, {Key: "ab"}},
	} {
		f := NewFingerprint()
		for _, o := range c {
			f.Add(o.Key, o.Size, o.Version)
		}
		if other, dup := seen[f.Sum()]; dup {
			t.Errorf("%v has the fingerprint of %s", c, other)
		}
		seen[f.Sum()] = fmt.Sprint(c)
	}
}

func BenchmarkListing(b *testing.B) {
	j, err := Create(b.Context(), filepath.Join(b.TempDir(), "j.db"))
	if err != nil {
		b.Fatal(err)
	}
	n := int64(0)
	for b.Loop() {
		if err := j.AddObject(pending(n, 4096, 0)); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "objects/s")
}
