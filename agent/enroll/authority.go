package enroll

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

// Authority is the certificate authority of one run, kept by its orchestrator.
// It is safe for concurrent use.
type Authority struct {
	run      string
	notAfter time.Time
	cert     *x509.Certificate
	key      *ecdsa.PrivateKey
	roots    *x509.CertPool
	own      *tls.Certificate // the orchestrator's

	mu     sync.Mutex
	dir    string           // where it is saved; empty: in memory only
	claims map[string]claim // by token digest
}

// claim records the one key that a token was spent on.
type claim struct {
	Gateway route.Gateway `json:"gateway"`
	Key     string        `json:"key"` // SHA-256 of the public key in PKIX form, hexadecimal
}

// authorityPath is the path of the URI in an authority's own certificate.
const authorityPath = "/authority"

// NewAuthority makes the authority of a run that ends at notAfter. Everything
// it signs is valid from an hour ago until an hour behind notAfter.
func NewAuthority(run string, notAfter time.Time) (*Authority, error) {
	if err := checkName("run", run); err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "skyctl run " + run},
		URIs:                  []*url.URL{{Scheme: scheme, Host: run, Path: authorityPath}},
		NotBefore:             time.Now().Add(-backdate),
		NotAfter:              notAfter.Add(grace),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	cert, err := sign(t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return newAuthority(cert, key)
}

// newAuthority makes an Authority of its certificate and key. The
// orchestrator's own key is made afresh each time and never written.
func newAuthority(cert *x509.Certificate, key *ecdsa.PrivateKey) (*Authority, error) {
	if len(cert.URIs) != 1 || cert.URIs[0].Scheme != scheme || cert.URIs[0].Path != authorityPath {
		return nil, errors.New("certificate is not that of a run's authority")
	}
	a := &Authority{
		run:      cert.URIs[0].Host,
		notAfter: cert.NotAfter.Add(-grace),
		cert:     cert,
		key:      key,
		roots:    poolOf(cert),
		claims:   map[string]claim{},
	}
	ownKey, err := newKey()
	if err != nil {
		return nil, err
	}
	own, err := a.issue(Peer{Run: a.run, Role: RoleOrchestrator}, ownKey.Public())
	if err != nil {
		return nil, err
	}
	a.own = keyPair(own, ownKey)
	return a, nil
}

func (a *Authority) issue(peer Peer, pub crypto.PublicKey) (*x509.Certificate, error) {
	return sign(template(peer, a.notAfter), a.cert, pub, a.key)
}

// Run is the run that the authority stands for.
func (a *Authority) Run() string { return a.run }

// NotAfter is when the run ends.
func (a *Authority) NotAfter() time.Time { return a.notAfter }

// CertificatePEM returns the authority's certificate for the boot data.
func (a *Authority) CertificatePEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: a.cert.Raw}))
}

// NewToken returns a fresh one-time token. Nothing of it is kept: [Enroll]
// is given it again, and the authority remembers the key it was spent on.
func (a *Authority) NewToken() Token { return newToken() }

// ErrSpent says that a token was already used to enroll another key.
var ErrSpent = errors.New("the token was spent on another key")

// SignGateway issues the certificate of the gateway named for the key that
// signed the request csr (PKCS #10, DER), and returns the chain, leaf first.
//
// The token is the gateway's. The first key it is used for is recorded, on
// disk if the authority is saved, before the certificate is returned; the same
// key may ask again, another gets ErrSpent. That the holder of the key also
// knows the token is for the caller to check.
func (a *Authority) SignGateway(name route.Gateway, token Token, csr []byte) ([][]byte, error) {
	if err := checkName("gateway", string(name)); err != nil {
		return nil, err
	}
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fmt.Errorf("certificate request of %s: %w", name, err)
	}
	if err := req.CheckSignature(); err != nil {
		return nil, fmt.Errorf("certificate request of %s: %w", name, err)
	}
	key, ok := req.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("certificate request of %s: the key is not ECDSA", name)
	}
	if err := a.claim(name, token, key); err != nil {
		return nil, fmt.Errorf("certificate request of %s: %w", name, err)
	}
	cert, err := a.issue(Peer{Run: a.run, Role: RoleGateway, Name: name}, key)
	if err != nil {
		return nil, err
	}
	return [][]byte{cert.Raw}, nil
}

// claim binds the token to the gateway and key, or checks that it is bound so.
func (a *Authority) claim(name route.Gateway, token Token, key *ecdsa.PublicKey) error {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return err
	}
	id, want := digestHex([]byte(token)), claim{Gateway: name, Key: digestHex(der)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if got, ok := a.claims[id]; ok {
		if got != want {
			return ErrSpent
		}
		return nil
	}
	a.claims[id] = want
	if err := a.saveClaims(); err != nil {
		delete(a.claims, id)
		return err
	}
	return nil
}

// ClientConfig returns the orchestrator's configuration for connections to a
// gateway, which must be the one named.
func (a *Authority) ClientConfig(gateway route.Gateway, alpns ...string) *tls.Config {
	want := Peer{Run: a.run, Role: RoleGateway, Name: gateway}
	return clientConfig(want, a.certificate, a.roots, slices.Clone(alpns))
}

func (a *Authority) certificate() (*tls.Certificate, error) { return a.own, nil }

// NewIdentity returns the identity of a gateway that needs no enrollment
// because it lives in the orchestrator's own process.
func (a *Authority) NewIdentity(name route.Gateway) (*Identity, error) {
	if err := checkName("gateway", string(name)); err != nil {
		return nil, err
	}
	id, err := NewIdentity(Boot{Run: a.run, Name: name, CACertificate: a.CertificatePEM(), NotAfter: a.notAfter})
	if err != nil {
		return nil, err
	}
	chain, err := a.SignGateway(name, newToken(), id.csr)
	if err != nil {
		return nil, err
	}
	return id, id.Install(chain)
}

func digestHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
