package enroll

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/skyctl/skyctl/agent/route"
)

// Role is what a certificate's holder is in its run.
type Role string

// The roles.
const (
	RoleGateway      Role = "gateway"
	RoleOrchestrator Role = "orchestrator"
)

// Peer is the holder of a certificate.
type Peer struct {
	Run  string
	Role Role
	Name route.Gateway // of gateways only
}

// scheme of the URI that a certificate carries.
const scheme = "skyctl"

// nameRule keeps names out of trouble in URIs, file names and log lines.
var nameRule = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?$`)

func checkName(what, name string) error {
	if !nameRule.MatchString(name) {
		return fmt.Errorf("%s %q must be 1 to 64 letters, digits, - or _, with a letter or digit at both ends", what, name)
	}
	return nil
}

// uri returns the form that certificates carry.
func (p Peer) uri() *url.URL {
	path := "/" + string(p.Role)
	if p.Role == RoleGateway {
		path += "/" + string(p.Name)
	}
	return &url.URL{Scheme: scheme, Host: p.Run, Path: path}
}

// String returns the URI of the peer.
func (p Peer) String() string { return p.uri().String() }

// parsePeer reads what Peer.uri wrote and nothing else: a URI that says the
// same in another spelling is refused.
func parsePeer(u *url.URL) (Peer, error) {
	role, name, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	p := Peer{Run: u.Host, Role: Role(role), Name: route.Gateway(name)}
	bad := fmt.Errorf("%q is not the name of a peer", u)
	if p.uri().String() != u.String() || checkName("run", p.Run) != nil {
		return Peer{}, bad
	}
	switch p.Role {
	case RoleOrchestrator:
		return p, nil
	case RoleGateway:
		if checkName("gateway", name) == nil {
			return p, nil
		}
	}
	return Peer{}, bad
}

// peerIn returns the name that a certificate claims.
func peerIn(cert *x509.Certificate) (Peer, error) {
	if len(cert.URIs) != 1 {
		return Peer{}, fmt.Errorf("certificate has %d URIs, want 1", len(cert.URIs))
	}
	return parsePeer(cert.URIs[0])
}

// PeerOf tells who is at the other end of a connection that was made with a
// configuration of this package. A connection whose other end showed no
// certificate, or one that was not verified, is an error.
func PeerOf(state tls.ConnectionState) (Peer, error) {
	if !state.HandshakeComplete || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return Peer{}, errors.New("the other end showed no certificate of the run")
	}
	return peerIn(state.VerifiedChains[0][0])
}
