package source

import (
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

func via(id int, weight float64, writer route.Gateway, dests ...route.Dest) control.Route {
	return control.Route{ID: id, Weight: weight, Tree: route.Node{Gateway: "r", Children: []route.Node{{Gateway: writer, Writes: dests}}}}
}

func of(length int64, dests ...route.Dest) *control.Assignment {
	a := &control.Assignment{Range: chunk.Range{Length: length}}
	for _, d := range dests {
		a.Dests = append(a.Dests, control.Dest{Number: d})
	}
	return a
}

var plenty = map[route.Gateway]int64{"a": 1 << 40, "b": 1 << 40}

func TestOutstandingBytesFollowTheWeights(t *testing.T) {
	x := newRoutes([]control.Route{via(0, 4, "a", 0), via(1, 1, "b", 0)}, plenty)
	var used [2]int
	for range 100 {
		w, _ := x.choose(of(1<<20, 0), 0, time.Time{})
		used[w.route.ID]++
	}
	if used != [2]int{80, 20} {
		t.Errorf("weights of 4 and 1 got %v", used)
	}
}

func TestARouteThatSlowsGetsLess(t *testing.T) {
	x := newRoutes([]control.Route{via(0, 1, "a", 0), via(1, 1, "b", 0)}, plenty)
	var used [2]int
	for range 100 { // route 1 answers at once, route 0 never
		a := of(1<<20, 0)
		w, _ := x.choose(a, 0, time.Time{})
		if used[w.route.ID]++; w.route.ID == 1 {
			w.finished(a, nil, time.Time{})
		}
	}
	if used[0] > 2 {
		t.Errorf("a route that answers nothing got %d of 100 chunks", used[0])
	}
}

func TestCreditIsTakenAtEveryWriterAndComesBack(t *testing.T) {
	tree := control.Route{Weight: 1, Tree: route.Node{Gateway: "r", Children: []route.Node{
		{Gateway: "a", Writes: []route.Dest{0}}, {Gateway: "b", Writes: []route.Dest{1}}}}}
	x := newRoutes([]control.Route{tree}, map[route.Gateway]int64{"a": 3 << 20, "b": 2 << 20})
	a := of(1<<20, 0, 1)
	first, _ := x.choose(a, 0, time.Time{})
	if _, got := x.choose(a, 0, time.Time{}); got != found {
		t.Fatalf("the second chunk: %v", got)
	}
	if _, got := x.choose(a, 0, time.Time{}); got != wait {
		t.Fatalf("b has no credit left, yet: %v", got)
	}
	if _, got := x.choose(of(1<<20, 0), 0, time.Time{}); got != found {
		t.Errorf("a chunk for a alone, which has credit: %v", got)
	}
	first.finished(a, nil, time.Time{})
	if _, got := x.choose(a, 0, time.Time{}); got != found {
		t.Errorf("after the first came back: %v", got)
	}
}

// TestCreditIsForEachDestination that a gateway writes: it holds a part for each.
func TestCreditIsForEachDestination(t *testing.T) {
	x := newRoutes([]control.Route{via(0, 1, "a", 0, 1, 2)}, map[route.Gateway]int64{"a": 5 << 20})
	a := of(1<<20, 0, 1, 2)
	first, _ := x.choose(a, 0, time.Time{})
	if first == nil || x.spent["a"] != 3<<20 {
		t.Fatalf("%d bytes are charged", x.spent["a"])
	}
	if _, got := x.choose(a, 0, time.Time{}); got != wait {
		t.Errorf("three parts more, with 2 MiB left: %v, %d bytes are charged", got, x.spent["a"])
	}
	if _, got := x.choose(of(1<<20, 0, 1), 0, time.Time{}); got != found {
		t.Errorf("two parts more: %v", got)
	}
}

func TestAChunkLargerThanTheWholeCreditGoesAlone(t *testing.T) {
	x := newRoutes([]control.Route{via(0, 1, "a", 0)}, map[route.Gateway]int64{"a": 1 << 20})
	big := of(8<<20, 0)
	w, got := x.choose(big, 0, time.Time{})
	if got != found {
		t.Fatalf("alone: %v", got)
	}
	if _, got := x.choose(big, 0, time.Time{}); got != wait {
		t.Fatalf("beside another: %v", got)
	}
	w.finished(big, nil, time.Time{})
	if _, got := x.choose(big, 0, time.Time{}); got != found {
		t.Errorf("alone again: %v", got)
	}
}

func TestNewCreditCountsWhatIsOutstanding(t *testing.T) {
	credit := map[route.Gateway]int64{"a": 2 << 20}
	x := newRoutes([]control.Route{via(0, 1, "a", 0)}, credit)
	a := of(1<<20, 0)
	first, _ := x.choose(a, 0, time.Time{})
	if _, got := x.choose(a, 0, time.Time{}); got != found {
		t.Fatalf("the second chunk: %v", got)
	}
	x.replace([]control.Route{via(7, 1, "a", 0)}, credit, nil)
	if _, got := x.choose(a, 0, time.Time{}); got != wait {
		t.Errorf("new routes made new credit: %v", got)
	}
	first.finished(a, nil, time.Time{})
	if w, got := x.choose(a, 0, time.Time{}); got != found || w.route.ID != 7 {
		t.Errorf("after a chunk on an old route came back: %v", got)
	}
}

func TestFailedRoutesAreAvoidedWhileAnotherIsThere(t *testing.T) {
	now := time.Now()
	x := newRoutes([]control.Route{via(0, 100, "a", 0), via(1, 1, "b", 0)}, map[route.Gateway]int64{"a": 4 << 20, "b": 1 << 20})
	a := of(1<<20, 0)
	w, _ := x.choose(a, 0, now)
	if w.route.ID != 0 {
		t.Fatalf("took route %d", w.route.ID)
	}
	w.finished(a, []control.Result{{Failure: &control.Failure{Stage: control.StageRoute}}}, now)
	w, _ = x.choose(a, 0, now)
	if w.route.ID != 1 {
		t.Errorf("a resting route was taken")
	}
	if _, got := x.choose(a, 0, now); got != wait {
		t.Errorf("rather than wait for credit on the good route: %v", got)
	}
	w.finished(a, nil, now)
	if w, _ = x.choose(a, 0, now.Add(restAfterFailure)); w.route.ID != 0 {
		t.Errorf("after its rest the route is not taken")
	}
	retry := of(1<<20, 0)
	retry.Avoid = []int{0}
	if w, _ = x.choose(retry, 0, now.Add(restAfterFailure)); w.route.ID != 1 {
		t.Errorf("a chunk took the route it is to avoid")
	}
	retry.Avoid = []int{0, 1}
	if _, got := x.choose(retry, 0, now.Add(2*restAfterFailure)); got != found {
		t.Errorf("a chunk that is to avoid every route takes one all the same: %v", got)
	}
}

func TestARouteThatReachesOnlySomeDestinationsIsNone(t *testing.T) {
	x := newRoutes([]control.Route{via(0, 1, "a", 0)}, plenty)
	if _, got := x.choose(of(1, 0, 1), 0, time.Time{}); got != noRoute {
		t.Errorf("%v", got)
	}
}
