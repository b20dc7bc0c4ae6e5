package agent

import (
	"crypto/tls"
	"fmt"
	"log/slog"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/internal/link"
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

// Port is what OpenPort opens; its parts go into a Network.
type Port = link.Port

// OpenPort opens an agent's port: one number of TCP and of UDP, set up for
// bulk data.
func OpenPort(address string, log *slog.Logger) (*Port, error) { return link.OpenPort(address, log) }
