package orchestrator

import (
	"testing"

	"github.com/skyctl/skyctl/orchestrator/fleet"
)

func TestTransportsInOneWord(t *testing.T) {
	tls, quic := fleet.TransportChoice{Transport: "tls"}, fleet.TransportChoice{Transport: "quic"}
	for want, choices := range map[string][]fleet.TransportChoice{"none": nil, "tls": {tls, tls}, "quic+tls": {tls, quic}} {
		if got := oneWord(choices); got != want {
			t.Errorf("%v: %q", choices, got)
		}
	}
}
