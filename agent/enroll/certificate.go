package enroll

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"time"
)

const (
	// backdate covers a gateway whose clock is behind the orchestrator's.
	backdate = time.Hour
	// grace lets connections outlive the run's end by the same measure.
	grace = time.Hour
	// gatewayHost is the one DNS name in every gateway's certificate. It lets
	// Go's own verification run unchanged and tells nobody anything; who the
	// gateway is stands in the URI.
	gatewayHost = "gateway.skyctl"
)

const pemCertificate = "CERTIFICATE"

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

// template returns what the certificates of a peer have in common.
func template(peer Peer, notAfter time.Time) *x509.Certificate {
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: peer.String()},
		URIs:        []*url.URL{peer.uri()},
		NotBefore:   time.Now().Add(-backdate),
		NotAfter:    notAfter.Add(grace),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if peer.Role == RoleGateway {
		t.DNSNames = []string{gatewayHost}
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	return t
}

// sign returns the certificate of template for the key pub, in DER and parsed.
func sign(template, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// keyPair returns the form that crypto/tls wants.
func keyPair(cert *x509.Certificate, key crypto.Signer) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// parseCA reads the one certificate of an authority.
func parseCA(text []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemCertificate {
		return nil, errors.New("is not a certificate in PEM")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, errors.New("has more than one PEM block")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("is not a certificate: %w", err)
	}
	if !cert.IsCA {
		return nil, errors.New("is not the certificate of an authority")
	}
	return cert, nil
}

func poolOf(ca *x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool
}

// serverConfig is what every server of a run demands: TLS 1.3 and a
// certificate of the run.
func serverConfig(run string, cert *tls.Certificate, roots *x509.CertPool, alpns []string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             alpns,
		Certificates:           []tls.Certificate{*cert},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              roots,
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			peer, err := peerShown(state)
			if err == nil && peer.Run != run {
				err = fmt.Errorf("%s is not of run %s", peer, run)
			}
			return err
		},
	}
}

// clientConfig is what every client of a run demands: TLS 1.3 and the peer
// that it wants. Its own certificate is asked for at each handshake.
func clientConfig(want Peer, own func() (*tls.Certificate, error), roots *x509.CertPool, alpns []string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: alpns,
		RootCAs:    roots,
		ServerName: gatewayHost,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return own()
		},
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			peer, err := peerShown(state)
			if err == nil && peer != want {
				err = fmt.Errorf("%s answers where %s should", peer, want)
			}
			return err
		},
	}
}

// peerShown is PeerOf during the handshake, when crypto/tls has verified the
// chain but not finished.
func peerShown(state tls.ConnectionState) (Peer, error) {
	state.HandshakeComplete = true
	return PeerOf(state)
}
