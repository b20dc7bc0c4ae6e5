package transfer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

func TestListMapsAndRefuses(t *testing.T) {
	b := newBench(t, 2, 1, 2)
	b.put("src/only-first", 3)
	b.put("src/unwanted", 4)
	b.put("src/bad", 5)
	b.put("src/large", 6000)
	first := func(key string) (string, bool, error) {
		if key == "src/bad" {
			return "", false, errors.New("would leave the root")
		}
		return "1/" + key, key != "src/unwanted", nil
	}
	second := func(key string) (string, bool, error) {
		return "2/" + key, key != "src/unwanted" && key != "src/only-first", nil
	}
	cfg := ListConfig{Journal: b.journal, Source: b.src, Prefix: "src/", Dests: []ListDest{{Map: first}, {Map: second, Limits: objstore.Limits{MaxObject: 5000}}}}
	found, err := List(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if found.Objects != 5 || found.Bytes != 6011 || found.Failed != 2 {
		t.Errorf("%+v", found)
	}
	all, err := b.journal.Objects(t.Context(), -1, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range all {
		got = append(got, fmt.Sprint(o.Number, " ", o.Key, " ", o.State))
		for _, d := range o.Deliveries {
			s := fmt.Sprint("  ", d.Dest, " ", d.Key, " ", d.State)
			if d.Failure != nil {
				s += fmt.Sprint(" ", d.Failure.Kind)
			}
			got = append(got, s)
		}
	}
	want := []string{
		"0 src/000 pending", "  0 1/src/000 pending", "  1 2/src/000 pending",
		"1 src/001 pending", "  0 1/src/001 pending", "  1 2/src/001 pending",
		"2 src/bad pending", "  0  failed invalid", "  1 2/src/bad pending",
		"3 src/large pending", "  0 1/src/large pending", "  1 2/src/large failed invalid",
		"4 src/only-first pending", "  0 1/src/only-first pending", "  1 2/src/only-first skipped",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	r, err := Run(t.Context(), b.config())
	if err != nil || r.Counts.Done != 3 || r.Counts.Failed != 2 {
		t.Errorf("%+v, %v", r.Counts, err)
	}
}

func TestFingerprintTellsListingsApart(t *testing.T) {
	b := newBench(t, 1, 1, 2, 3)
	of := func() string {
		t.Helper()
		f, err := Fingerprint(t.Context(), b.src, "src/", "", appendTo(""))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	listed := b.list().Fingerprint
	if got := of(); got != listed {
		t.Errorf("a listing has fingerprint %s, later %s", listed, got)
	}
	b.put("src/001", 2) // the same bytes, another version
	if of() == listed {
		t.Error("an overwritten object is not noticed")
	}
	one, err := List(t.Context(), ListConfig{Journal: b.journal, Source: b.src, Key: "src/002", Dests: []ListDest{{Map: appendTo("")}}})
	if err != nil || one.Objects != 1 || one.Bytes != 3 {
		t.Errorf("%+v, %v", one, err)
	}
	_, err = List(t.Context(), ListConfig{Journal: b.journal, Source: b.src, Key: "src/00", Dests: []ListDest{{Map: appendTo("")}}})
	if objstore.KindOf(err) != objstore.KindNotFound {
		t.Errorf("a missing key: %v", err)
	}
}

// brokenList fails in the middle.
type brokenList struct{ listOnly }

func (brokenList) List(_ context.Context, _, _ string, yield func(objstore.Object) error) error {
	if err := yield(objstore.Object{Key: "src/a", Size: 1}); err != nil {
		return err
	}
	return &objstore.Error{Op: "list", Kind: objstore.KindUnreachable}
}

func TestHalfAListingDoesNotCount(t *testing.T) {
	b := newBench(t, 1, 1)
	cfg := ListConfig{Journal: b.journal, Source: brokenList{}, Prefix: "src/", Dests: []ListDest{{Map: appendTo("dst/")}}}
	if _, err := List(t.Context(), cfg); objstore.KindOf(err) != objstore.KindUnreachable {
		t.Fatal(err)
	}
	if r, err := Run(t.Context(), b.config()); err == nil {
		t.Errorf("a run of half a listing: %+v", r)
	}
	j, err := journal.Create(t.Context(), filepath.Join(t.TempDir(), "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	cfg.Journal, cfg.Source = j, listOnly{}
	if found, err := List(t.Context(), cfg); err != nil || found.Objects != 0 {
		t.Errorf("an empty source: %+v, %v", found, err)
	}
}
