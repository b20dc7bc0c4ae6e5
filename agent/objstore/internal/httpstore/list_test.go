package httpstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// keyspace is a store that lists its keys, sorted, a few a page.
type keyspace struct {
	keys     []string
	pageSize int
	delay    time.Duration // of each request
	failAt   string        // a page that would hold this key is an error
	requests atomic.Int64
}

func (k *keyspace) page(ctx context.Context, prefix, after string, delimiter bool, token string) (Page, error) {
	k.requests.Add(1)
	if k.delay > 0 {
		select {
		case <-time.After(k.delay):
		case <-ctx.Done():
			return Page{}, ctx.Err()
		}
	}
	var p Page
	from := max(after, token, prefix)
	i, found := slices.BinarySearch(k.keys, from)
	if found && (from == after || from == token) {
		i++
	}
	for n := 0; i < len(k.keys) && strings.HasPrefix(k.keys[i], prefix); i++ {
		key := k.keys[i]
		if n == k.pageSize {
			p.Next = k.keys[i-1]
			break
		}
		if key == k.failAt && !delimiter {
			return Page{}, errors.New("refused")
		}
		n++
		if dir, _, ok := strings.Cut(key[len(prefix):], "/"); delimiter && ok {
			p.Prefixes = append(p.Prefixes, prefix+dir+"/")
			for i+1 < len(k.keys) && strings.HasPrefix(k.keys[i+1], prefix+dir+"/") {
				i++
			}
			continue
		}
		p.Objects = append(p.Objects, objstore.Object{Key: key})
	}
	return p, nil
}

func listed(t *testing.T, k *keyspace, prefix, after string) ([]string, error) {
	t.Helper()
	keys := []string{}
	err := List(t.Context(), prefix, after, k.page, func(o objstore.Object) error { keys = append(keys, o.Key); return nil })
	return keys, err
}

// shapes are key spaces that a division could get wrong.
func shapes() map[string][]string {
	rng := rand.New(rand.NewPCG(1, 2))
	s := map[string][]string{}
	for i := range 3000 {
		s["flat"] = append(s["flat"], fmt.Sprintf("data/%06d", i))
		s["one each"] = append(s["one each"], fmt.Sprintf("data/%06d/x", i))
		s["dates"] = append(s["dates"], fmt.Sprintf("a/b/%d/%02d/%02d/x%d", 2020+i%3, i%12, i%28, i))
		s["one large"] = append(s["one large"], fmt.Sprintf("%c/%06d", 'a'+min(i%500, 2), i))
		s["markers"] = append(s["markers"], fmt.Sprintf("m/%02d/", i%40), fmt.Sprintf("m/%02d", i%40), fmt.Sprintf("m/%02d/%d", i%40, i))
		var b strings.Builder
		for range 1 + rng.IntN(6) {
			b.WriteString([]string{"a", "b", "/", "//", "é", "!", "~", "0"}[rng.IntN(8)])
		}
		s["noise"] = append(s["noise"], b.String())
	}
	s["none"] = nil
	s["one"] = []string{"k"}
	for name, keys := range s {
		slices.Sort(keys)
		s[name] = slices.Compact(keys)
	}
	return s
}

// TestListIsWhole: whatever the shape, page size, prefix and start, the keys
// are there, once, in order.
func TestListIsWhole(t *testing.T) {
	for name, keys := range shapes() {
		t.Run(name, func(t *testing.T) {
			for _, pageSize := range []int{1, 3, 50, 1000} {
				if pageSize == 1 && len(keys) > 1000 {
					keys = keys[:1000]
				}
				k := &keyspace{keys: keys, pageSize: pageSize}
				for _, prefix := range []string{"", "data/", "da", "a", "a/", "a/b/2021/", "m/0", "b", "~", "nothing"} {
					for _, after := range []string{"", prefix, prefix + "0", "a/b/2021/05/", "data/000500", "data/000500/", "zz"} {
						var want []string
						for _, key := range keys {
							if strings.HasPrefix(key, prefix) && key > after {
								want = append(want, key)
							}
						}
						got, err := listed(t, k, prefix, after)
						if err != nil || !slices.Equal(got, want) {
							t.Fatalf("pages of %d, prefix %q, after %q: %d keys, %v; want %d", pageSize, prefix, after, len(got), err, len(want))
						}
					}
				}
			}
		})
	}
}

// TestListErrors: everything before the error is yielded, and nothing else.
func TestListErrors(t *testing.T) {
	for name, keys := range shapes() {
		if len(keys) < 100 {
			continue
		}
		at := len(keys) * 2 / 3
		k := &keyspace{keys: keys, pageSize: 10, failAt: keys[at]}
		got, err := listed(t, k, "", "")
		if err == nil || err.Error() != "refused" || len(got) > at || len(got) < at-10 || !slices.Equal(got, keys[:len(got)]) {
			t.Errorf("%s: %d keys and error %v, want those of whole pages before %d", name, len(got), err, at)
		}
		stop := errors.New("stop")
		n := 0
		err = List(t.Context(), "", "", (&keyspace{keys: keys, pageSize: 10}).page, func(objstore.Object) error {
			if n++; n == 77 {
				return stop
			}
			return nil
		})
		if err != stop || n != 77 {
			t.Errorf("%s: an error of yield: %v after %d", name, err, n)
		}
	}
	unsorted := func(context.Context, string, string, bool, string) (Page, error) {
		return Page{Objects: []objstore.Object{{Key: "b"}, {Key: "a"}}}, nil
	}
	if err := List(t.Context(), "", "", unsorted, func(objstore.Object) error { return nil }); objstore.KindOf(err) != objstore.KindUnsupported {
		t.Errorf("a store without order: %v", err)
	}
}

// TestListPays: directories are listed side by side, small listings cost one
// request, and one flat directory hardly more than it must.
func TestListPays(t *testing.T) {
	all := shapes()
	for _, c := range []struct {
		name             string
		pageSize         int
		times            float64 // quicker than one page after the other, at least
		mostMoreRequests float64 // than pages, as a fraction
	}{
		{"one", 1000, 1, 0},
		{"dates", 10, 3, 0.6},
		{"one each", 10, 0.8, 0.4},
		{"one large", 10, 0.8, 0.3},
		{"flat", 10, 0.8, 0.2},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := &keyspace{keys: all[c.name], pageSize: c.pageSize, delay: 50 * time.Millisecond}
			start := time.Now()
			if got, err := listed(t, k, "", ""); err != nil || len(got) != len(k.keys) {
				t.Fatalf("%s: %d keys, %v", c.name, len(got), err)
			}
			pages := (len(k.keys) + c.pageSize - 1) / c.pageSize
			took, alone, requests := time.Since(start), time.Duration(pages)*k.delay, int(k.requests.Load())
			t.Logf("%s: %d pages in %d requests, %v instead of %v", c.name, pages, requests, took, alone)
			if float64(alone)/float64(took) < c.times || float64(requests) > float64(pages)*(1+c.mostMoreRequests) {
				t.Errorf("%s: %d pages took %d requests and %v, one after the other would be %v", c.name, pages, requests, took, alone)
			}
		})
	}
}

// TestListMemory: a million keys are never held at once.
func TestListMemory(t *testing.T) {
	const keys, perDir, pageSize = 1_000_000, 50_000, 1000
	page := func(_ context.Context, prefix, after string, delimiter bool, token string) (Page, error) {
		var p Page
		if delimiter {
			for dir := range keys / perDir {
				if key := fmt.Sprintf("%03d/", dir); key > after && strings.HasPrefix(key, prefix) {
					p.Prefixes = append(p.Prefixes, key)
				}
			}
			return p, nil
		}
		first := 0
		if from := max(after, token); from != "" {
			var dir, n int
			switch got, _ := fmt.Sscanf(from, "%d/%d", &dir, &n); got {
			case 1:
				first = dir * perDir
			case 2:
				first = dir*perDir + n + 1
			}
		}
		for i := first; i < min(keys, first+pageSize); i++ {
			p.Objects = append(p.Objects, objstore.Object{Key: fmt.Sprintf("%03d/%06d", i/perDir, i%perDir)})
		}
		if first+pageSize < keys {
			p.Next = p.Objects[len(p.Objects)-1].Key
		}
		return p, nil
	}
	n, peak := 0, uint64(0)
	err := List(t.Context(), "", "", page, func(objstore.Object) error {
		if n++; n%50_000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		return nil
	})
	if err != nil || n != keys {
		t.Fatalf("%d keys, %v", n, err)
	}
	t.Logf("at most %d MiB are in use", peak>>20)
	if peak > 64<<20 {
		t.Errorf("%d MiB are in use", peak>>20)
	}
}
