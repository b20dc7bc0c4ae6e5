package link_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/route"
)

// TestPacketsAreNeverUncounted: not while the streams of a connection end that is
// no more.
func TestPacketsAreNeverUncounted(t *testing.T) {
	simulated(t, link.QUIC, func(f *fabric) {
		serving, done := make(chan struct{}), make(chan struct{})
		client, _ := f.endpoint("client", func(c *link.Config) {
			c.Serve = func(_ context.Context, _ route.Gateway, s link.Stream) {
				defer s.Release()
				close(serving)
				<-done
			}
		})
		server, address := f.endpoint("server", nil)
		server.SetPeers(map[route.Gateway]link.Peer{"client": {}})
		client.SetPeers(f.to("server", address, 1))
		f.expect(client, "server", "hello")
		s, err := server.Open(f.t.Context(), "client", link.Leg{})
		if err != nil {
			f.t.Fatal(err)
		}
		if _, err := s.Write(frames("hello")); err != nil {
			f.t.Fatal(err)
		}
		<-serving
		before := client.Paths()["server"]
		s.Release()
		server.Close()
		time.Sleep(20 * time.Second) // fake time
		synctest.Wait()
		if after := client.Paths()["server"]; before.Sent == 0 || after.Sent < before.Sent || after.Open != 0 {
			f.t.Errorf("before %+v, after %+v", before, after)
		}
		close(done)
	})
}
