package link

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// fakeConn is a connection that is open and takes any number of streams.
type fakeConn struct{ conn }

func (fakeConn) Context() context.Context { return context.Background() }
func (fakeConn) atOnce() int              { return 100 }
func (fakeConn) moved() int64             { return 0 }

// Streams that wait for a peer's first connections are spread over all of
// them, not put on the one that comes first. A connection that does not come
// holds them up for a moment only, one that fails not at all.
func TestStreamsWaitForAllConnections(t *testing.T) {
	const planned, streams = 3, 6
	for _, c := range []struct {
		name       string
		come, fail int
		want       time.Duration // after which turns come
	}{
		{"all come", 3, 0, 3 * time.Millisecond},
		{"one is missing", 2, 0, time.Millisecond + gatherWithin},
		{"one fails", 2, 1, 3 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p := &peer{cfg: Peer{Connections: planned}, cancel: func() {}}
				defer p.close()
				turns := make(chan time.Duration, streams)
				for range streams {
					go func() {
						if _, err := p.take(t.Context(), Leg{}); err != nil {
							t.Error(err)
						}
						turns <- time.Since(start)
					}()
				}
				var conns []*connection
				for range c.come {
					time.Sleep(time.Millisecond)
					conns = append(conns, &connection{conn: fakeConn{}})
					p.add(conns[len(conns)-1])
				}
				for range c.fail {
					time.Sleep(time.Millisecond)
					p.failed(context.DeadlineExceeded)
				}
				for range streams {
					if took := <-turns; took != c.want {
						t.Errorf("a stream had its turn after %v, not %v", took, c.want)
					}
				}
				for i, x := range conns {
					if x.active != streams/len(conns) {
						t.Errorf("connection %d has %d of %d streams", i, x.active, streams)
					}
				}
			})
		})
	}
}

// oneAtATime is a connection that carries one payload at a time.
type oneAtATime struct{ fakeConn }

func (oneAtATime) atOnce() int { return 1 }

// TestConnectionsAreSparedForThoseNearTheirEnd: of three connections those that
// have two gateways to go get no more than two, those with three no more than one,
// and those that are relayed to their last gateway all that are free.
func TestConnectionsAreSparedForThoseNearTheirEnd(t *testing.T) {
	p := &peer{settled: true, cancel: func() {}}
	defer p.close()
	for range 3 {
		p.add(&connection{conn: oneAtATime{}})
	}
	now, cancel := context.WithCancel(t.Context())
	cancel() // who has to wait gets nothing
	given := map[int]*connection{}
	for _, height := range []int{3, 3, 2, 2, 1} {
		if c, err := p.take(now, Leg{Height: height, Relayed: true}); err == nil {
			if given[height] != nil {
				t.Errorf("height %d got a second one", height)
			}
			given[height] = c
		}
	}
	if len(given) != 3 {
		t.Fatalf("%d heights got a connection", len(given))
	}
	p.give(given[3])
	if _, err := p.take(now, Leg{Height: 2}); err != nil {
		t.Errorf("a connection that a higher one gave back is for a lower one, too: %v", err)
	}
}
