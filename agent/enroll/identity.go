package enroll

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"

	"github.com/skyctl/skyctl/agent/route"
)

// enrollALPN is the only protocol that an agent speaks before it is enrolled.
const enrollALPN = "http/1.1"

// Identity is who a gateway is: a private key that exists only here, a
// certificate signed by itself, and once it is enrolled the one that the run's
// authority issued. It is safe for concurrent use; configurations that were
// handed out earlier follow it from one state to the next.
type Identity struct {
	peer       Peer
	key        *ecdsa.PrivateKey
	roots      *x509.CertPool
	selfSigned *tls.Certificate
	csr        []byte // always the same bytes: asking again gets the same answer

	mu       sync.RWMutex
	issued   *tls.Certificate
	enrolled chan struct{} // closed with the first Install
}

// NewIdentity makes a key for the gateway that boot describes.
func NewIdentity(boot Boot) (*Identity, error) {
	ca, err := parseCA([]byte(boot.CACertificate))
	if err != nil {
		return nil, fmt.Errorf("ca_certificate: %w", err)
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	peer := Peer{Run: boot.Run, Role: RoleGateway, Name: boot.Name}
	t := template(peer, boot.NotAfter)
	cert, err := sign(t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: t.Subject,
		URIs:    []*url.URL{peer.uri()},
	}, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return &Identity{
		peer:       peer,
		key:        key,
		roots:      poolOf(ca),
		selfSigned: keyPair(cert, key),
		csr:        csr,
		enrolled:   make(chan struct{}),
	}, nil
}

// Peer is the name that the gateway goes by.
func (i *Identity) Peer() Peer { return i.peer }

// Enrolled is closed once the gateway has a certificate of its run.
func (i *Identity) Enrolled() <-chan struct{} { return i.enrolled }

// Install takes the certificate that the authority issued, leaf first, in DER.
// It must be for this gateway's key and name and lead to the authority that
// the boot data named. A later one replaces an earlier one.
func (i *Identity) Install(chain [][]byte) error {
	if len(chain) == 0 {
		return errors.New("install certificate: there is none")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return fmt.Errorf("install certificate: %w", err)
	}
	intermediates := x509.NewCertPool()
	for _, der := range chain[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("install certificate: %w", err)
		}
		intermediates.AddCert(c)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := leaf.Verify(x509.VerifyOptions{
			Roots: i.roots, Intermediates: intermediates, DNSName: gatewayHost, KeyUsages: []x509.ExtKeyUsage{usage},
		})
		if err != nil {
			return fmt.Errorf("install certificate: %w", err)
		}
	}
	if peer, err := peerIn(leaf); err != nil || peer != i.peer {
		return fmt.Errorf("install certificate: it names %v, not %s", leaf.URIs, i.peer)
	}
	if !i.key.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("install certificate: it is for another key")
	}

	i.mu.Lock()
	defer i.mu.Unlock()
	if i.issued == nil {
		close(i.enrolled)
	}
	i.issued = &tls.Certificate{Certificate: slices.Clone(chain), PrivateKey: i.key, Leaf: leaf}
	return nil
}

// certificate returns the issued certificate, nil before there is one.
func (i *Identity) certificate() *tls.Certificate {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.issued
}

// ServerConfig returns the configuration of the agent's listeners for the
// protocols alpns.
//
// Until the gateway is enrolled, only http/1.1 is served, and only if it is
// among alpns, without a client certificate: behind it must be nothing but
// [Handler] (other handlers must ask [PeerOf], which fails then). Afterwards
// every peer must show a certificate of this run; which peers may do what is
// for the server to decide by PeerOf.
func (i *Identity) ServerConfig(alpns ...string) *tls.Config {
	alpns = slices.Clone(alpns)
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             alpns,
		SessionTicketsDisabled: true,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if cert := i.certificate(); cert != nil {
				return serverConfig(i.peer.Run, cert, i.roots, alpns), nil
			}
			if !slices.Contains(alpns, enrollALPN) || !slices.Contains(hello.SupportedProtos, enrollALPN) {
				return nil, fmt.Errorf("%s is not enrolled yet", i.peer.Name)
			}
			return &tls.Config{
				MinVersion:             tls.VersionTLS13,
				NextProtos:             []string{enrollALPN},
				Certificates:           []tls.Certificate{*i.selfSigned},
				SessionTicketsDisabled: true,
			}, nil
		},
	}
}

// ClientConfig returns the configuration for connections to another gateway of
// the run, which must be the one named. Handshakes fail until this gateway is
// enrolled.
func (i *Identity) ClientConfig(peer route.Gateway, alpns ...string) *tls.Config {
	own := func() (*tls.Certificate, error) {
		if cert := i.certificate(); cert != nil {
			return cert, nil
		}
		return nil, fmt.Errorf("%s is not enrolled yet", i.peer.Name)
	}
	want := Peer{Run: i.peer.Run, Role: RoleGateway, Name: peer}
	return clientConfig(want, own, i.roots, slices.Clone(alpns))
}

// Wait returns when the gateway is enrolled or ctx ends.
func (i *Identity) Wait(ctx context.Context) error {
	select {
	case <-i.enrolled:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
