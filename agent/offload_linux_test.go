package agent_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
)

// TestMissingOffloadIsSaid: QUIC works without, and costs three times as much.
func TestMissingOffloadIsSaid(t *testing.T) {
	for _, missing := range []bool{true, false} {
		t.Run(fmt.Sprint(missing), func(t *testing.T) {
			t.Setenv("QUIC_GO_DISABLE_GSO", fmt.Sprint(missing))
			p := newPlaces(t, "src", "dst0")
			p.put("k", random(1000), objstore.Metadata{})
			var said bytes.Buffer
			f := agenttest.Start(t, agenttest.Options{Stores: p.configs, Transport: control.TransportQUIC, Log: slog.New(slog.NewTextHandler(&said, nil))}, "r", "w0")
			f.Configure("s", agenttest.Chain(0, 1, "r", "w0"))
			checkResults(t, f.Run("r", whole(0, []string{"k"}, []int{1000}, 0)))
			f.Stop("r")
			f.Stop("w0")
			if got := strings.Contains(said.String(), "no UDP segmentation offload"); got != missing {
				t.Errorf("it is missing: %v, and that was said: %v\n%s", missing, got, &said)
			}
		})
	}
}
