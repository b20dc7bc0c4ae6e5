package link_test

import (
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/route"
)

// TestAnotherVersionIsNamed: whoever dials learns what does not fit.
func TestAnotherVersionIsNamed(t *testing.T) {
	overBoth(t, func(f *fabric) {
		id, err := f.authority.NewIdentity("old")
		if err != nil {
			f.t.Fatal(err)
		}
		_, address := f.endpoint("old", func(c *link.Config) {
			c.Server, c.ServerTCP = id.ServerConfig("skyctl/0"), id.ServerConfig("skyctl/0")
		})
		e, _ := f.endpoint("new", nil)
		e.SetPeers(map[route.Gateway]link.Peer{"old": {Address: address, Connections: 1, Transport: f.transport}})
		if _, err := ask(e, "old", "hello"); err == nil || !strings.Contains(err.Error(), "does not speak skyctl/1: all gateways of a run must be of one release") {
			f.t.Errorf("%v", err)
		}
	})
}
