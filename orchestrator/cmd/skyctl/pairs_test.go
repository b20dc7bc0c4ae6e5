package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
)

// TestEveryPairOfStores carries an odd corpus between all ordered pairs of the
// four kinds of stores, through gateways, and compares what arrived byte for
// byte, with its metadata, by each store's own SDK. SKYCTL_PAIRS=whole has the
// corpus of make test-pairs, which is twice as large.
func TestEveryPairOfStores(t *testing.T) {
	t.Parallel()
	const chunk = 5 << 20
	file := fileKind(t)
	w := newWorld(t, worldOptions{})
	kinds := []kind{s3Kind(t, w), gcsKind(t), azureKind(t), file}
	for _, k := range kinds {
		w.addStore("any-"+k.name, k.store)
	}
	corpus := oddCorpus(chunk)
	keys := slices.Sorted(maps.Keys(corpus))
	for _, k := range kinds {
		if err := k.make("source"); err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
		if err := each(t.Context(), keys, func(ctx context.Context, key string) error { return k.put(ctx, "source", "src/"+key, corpus[key]) }); err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
	}
	// An emulator that works for one pair is too slow to answer another: the pairs
	// of a round have no store in common.
	for i, round := range [][][2]int{{{0, 0}, {1, 1}}, {{2, 2}, {3, 3}}, {{0, 1}, {2, 3}}, {{1, 0}, {3, 2}}, {{0, 2}, {1, 3}}, {{2, 0}, {3, 1}}, {{0, 3}, {1, 2}}, {{3, 0}, {2, 1}}} {
		t.Run(fmt.Sprint("round ", i), func(t *testing.T) {
			for _, pair := range round {
				from, to := kinds[pair[0]], kinds[pair[1]]
				t.Run(from.name+" to "+to.name, func(t *testing.T) {
					t.Parallel()
					w.carries(t, from, to, corpus)
				})
			}
		})
	}
}

// carries copies the corpus from a store to another, and compares.
func (w *world) carries(t *testing.T, from, to kind, corpus map[string]object) {
	w = &world{t: t, dir: w.dir, east: w.east, west: w.west}
	bucket := "from-" + from.name // of its own: emulators get slow in large ones
	if err := to.make(bucket); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r := w.skyctl("cp", "-r", "any-"+from.name+"://source/src", "any-"+to.name+"://"+bucket+"/dst",
		"--gateways", "1", "--route", "direct", "--chunk-size", "5MiB", "--yes", "--json")
	w.succeeded(r, int64(len(corpus)))
	ran := time.Since(start)
	if r.By.Store+r.By.Read != int64(len(corpus)) {
		t.Errorf("%d objects are verified by the store, %d by reading, of %d", r.By.Store, r.By.Read, len(corpus))
	}
	compare(t, from, to, bucket, corpus)
	t.Logf("transfer %.1f s, skyctl %.1f s, reading and comparing %.1f s", r.Transfer, ran.Seconds(), (time.Since(start) - ran).Seconds())
	notCarried(t, from, to, r.NotCarried, corpus)
}

// tagged: one of so many objects has tags, each of which is a request more, of
// us and of the test.
const tagged = 8

// oddCorpus is objects of every size at which something changes, under every
// name that all stores can hold.
func oddCorpus(chunk int) map[string]object {
	many, small := 33*chunk+7, 1100 // more than one composition takes, and than a page of a listing has
	if os.Getenv("SKYCTL_PAIRS") == "whole" {
		many, small = 300<<20+7, 2000
	}
	sizes := map[string]int{
		"empty":                    0,
		"one":                      1,
		"sizes/chunk":              chunk,
		"sizes/chunk less":         chunk - 1,
		"sizes/chunk more":         chunk + 1,
		"sizes/two chunks less":    2*chunk - 1,
		"sizes/many chunks":        many,
		"odd/é ü 漢 +%25%#?&=;,'":   1000,
		"odd/%2F":                  10,
		"odd/ spaces ":             12,
		"odd/-rf *":                13,
		"odd/ü decomposed u\u0308": 15,
	}
	for i := range small {
		sizes[fmt.Sprintf("small/%02d/%04d", i%50, i)] = 4096
	}
	corpus := map[string]object{}
	for i, key := range slices.Sorted(maps.Keys(sizes)) {
		tags := map[string]string{}
		if i%tagged == 0 {
			tags["team"] = "data"
		}
		corpus[key] = object{
			data: random(uint64(i), sizes[key]), contentType: "text/odd",
			user: map[string]string{"origin": fmt.Sprint("east ", i%7)}, tags: tags,
			modified: time.Date(2001, 2, 3, 4, 5, 6, i*1000, time.UTC), mode: []fs.FileMode{0o644, 0o600, 0o755}[i%3],
		}
	}
	return corpus
}

// compare reads everything in the bucket and holds it against what was put at
// the source: all of it, nothing else, with every field that both can hold.
func compare(t *testing.T, from, to kind, bucket string, corpus map[string]object) {
	t.Helper()
	got, err := to.list(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(corpus) {
		t.Errorf("%d objects are there, %d were sent", len(got), len(corpus))
	}
	err = each(t.Context(), slices.Collect(maps.Keys(got)), func(ctx context.Context, key string) error {
		want, ok := corpus[strings.TrimPrefix(key, "dst/")]
		if !ok {
			return fmt.Errorf("nobody sent that")
		}
		o, err := to.get(ctx, bucket, key, got[key])
		if err != nil {
			return err
		}
		if !bytes.Equal(o.data, want.data) {
			return fmt.Errorf("%d bytes arrived, %d were sent, and they differ", len(o.data), len(want.data))
		}
		return sameMetadata(from, to, o, want)
	})
	if err != nil {
		t.Error(err)
	}
}

func sameMetadata(from, to kind, got, want object) error {
	user := map[string]string{}
	if from.keeps.user {
		maps.Copy(user, want.user)
	}
	if from.keeps.modified && to.keeps.user { // a file's time and mode, which other stores keep as rclone does
		at, err := modified(got.user["mtime"])
		mode, merr := strconv.ParseUint(got.user["mode"], 8, 32)
		if err := errors.Join(err, merr); err != nil {
			return err
		}
		got.modified, got.mode = at, fs.FileMode(mode).Perm()
		to.keeps.modified = true
		delete(got.user, "mtime")
		delete(got.user, "mode")
	}
	switch {
	case from.keeps.contentType && to.keeps.contentType && got.contentType != want.contentType:
		return fmt.Errorf("content type %q, want %q", got.contentType, want.contentType)
	case to.keeps.user && !maps.Equal(got.user, user):
		return fmt.Errorf("user metadata %v, want %v", got.user, user)
	case from.keeps.tags && to.keeps.tags && !maps.Equal(got.tags, want.tags):
		return fmt.Errorf("tags %v, want %v", got.tags, want.tags)
	case from.keeps.modified && to.keeps.modified && (!got.modified.Equal(want.modified) || got.mode != want.mode):
		return fmt.Errorf("modified %v, mode %v; want %v, %v", got.modified, got.mode, want.modified, want.mode)
	}
	return nil
}

// modified reads a time as rclone writes it for S3, or for other stores.
func modified(text string) (time.Time, error) {
	seconds, fraction, _ := strings.Cut(text, ".")
	if s, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		ns, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
		return time.Unix(s, ns), err
	}
	return time.Parse(time.RFC3339Nano, text)
}

// notCarried holds the result to say what the pair cannot carry, and nothing
// else.
func notCarried(t *testing.T, from, to kind, rows []orchestrator.NotCarried, corpus map[string]object) {
	t.Helper()
	got := map[string]int64{}
	for _, n := range rows {
		got[n.Field] = n.Objects
	}
	want := map[string]int64{}
	for _, o := range corpus {
		if from.keeps.contentType && !to.keeps.contentType {
			want["content type"]++
		}
		if from.keeps.user && !to.keeps.user {
			want["user metadata"]++
		}
		if from.keeps.tags && !to.keeps.tags && len(o.tags) > 0 {
			want["tags"]++
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the result says that %v was not carried, want %v", got, want)
	}
}
