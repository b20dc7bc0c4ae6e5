package control

import (
	"net/http"
	"sync"
)

// gate counts who is inside, so that its owner can close it and wait until
// everybody is out. The zero gate is open.
type gate struct {
	mu     sync.Mutex
	inside sync.WaitGroup
	closed bool
}

// enter tells whether the gate is open; whoever was let in must leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.inside.Add(1)
	}
	return !g.closed
}

func (g *gate) leave() { g.inside.Done() }

// close lets nobody in any more and returns when everybody is out.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}

// guard lets requests through the gate. net/http does not itself wait for
// handlers whose connections it cut.
func guard(g *gate, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.enter() {
			panic(http.ErrAbortHandler)
		}
		defer g.leave()
		next.ServeHTTP(w, r)
	})
}
