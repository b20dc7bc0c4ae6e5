package agent

import (
	"crypto/tls"
	"fmt"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
)

// GatewayOf returns the gateway whose certificate an accepted connection
// showed; that of an orchestrator is no gateway's.
func GatewayOf(state tls.ConnectionState) (route.Gateway, error) {
	p, err := enroll.PeerOf(state)
	if err != nil {
		return "", err
	}
	if p.Role != enroll.RoleGateway {
		return "", fmt.Errorf("%v is not a gateway", p)
	}
	return p.Name, nil
}
