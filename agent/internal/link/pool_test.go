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
						if _, err := p.take(t.Context()); err != nil {
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
