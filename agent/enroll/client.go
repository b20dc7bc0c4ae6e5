package enroll

import (
	"context"
	"crypto/hmac"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/skyctl/skyctl/agent/route"
)

// What Enroll's errors wrap.
var (
	// ErrRefused says that something answers that will not be enrolled by
	// this token: another agent, a gateway of another run, or one that the
	// token is not for. Asking again does not help.
	ErrRefused = errors.New("refused")
	// ErrUnreachable says that nothing at the address answered as an agent
	// does until the context ended.
	ErrUnreachable = errors.New("no agent answers")
)

// attemptTimeout bounds one try, so that a lost packet or a host that swallows
// them costs seconds of the time there is.
const attemptTimeout = 10 * time.Second

// Enroll gives the gateway named, whose agent listens at address (HOST:PORT,
// TCP), its certificate of the run. It tries until ctx ends, as the agent may
// not be listening yet, and is safe to repeat: a gateway that this run
// enrolled already is recognised by its certificate.
//
// Its errors wrap ErrRefused or ErrUnreachable, or the cause of ctx if that
// was cancelled rather than ran out.
func Enroll(ctx context.Context, address string, name route.Gateway, token Token, authority *Authority) error {
	e, err := newEnrollment(address, name, token, authority)
	if err != nil {
		return fmt.Errorf("enroll gateway %s: %w", name, err)
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = 100 * time.Millisecond // a local agent listens in less
	pause.MaxInterval = 2 * time.Second
	var last error
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		err := e.attempt(ctx)
		if err != nil && (last == nil || ctx.Err() == nil) {
			last = err
		}
		if errors.Is(err, ErrRefused) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrRefused):
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("%w (is its port open, and the machine up?): %w", ErrUnreachable, last)
	}
	return fmt.Errorf("enroll gateway %s at %s: %w", name, address, err)
}

// enrollment is one gateway's.
type enrollment struct {
	address   string
	gateway   Peer
	token     Token
	key       []byte
	authority *Authority
}

func newEnrollment(address string, name route.Gateway, token Token, authority *Authority) (*enrollment, error) {
	if err := checkName("gateway", string(name)); err != nil {
		return nil, err
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("address %q is not HOST:PORT", address)
	}
	key, err := token.key()
	if err != nil {
		return nil, err
	}
	gateway := Peer{Run: authority.run, Role: RoleGateway, Name: name}
	return &enrollment{address: address, gateway: gateway, token: token, key: key, authority: authority}, nil
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// attempt does what is still to do over one connection.
func (e *enrollment) attempt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	dialer := &tls.Dialer{Config: e.config()}
	raw, err := dialer.DialContext(ctx, "tcp", e.address)
	if err != nil {
		return err
	}
	c := newConversation(ctx, raw.(*tls.Conn))
	defer c.close()
	if e.issuedByUs(c.state.PeerCertificates[0]) {
		return e.confirm(c)
	}
	return e.introduce(c)
}

// config accepts two kinds of agent: one with this run's certificate for this
// gateway, and one with a certificate signed by itself. The latter proves
// nothing; the token does that, right after the handshake. Go's own
// verification has no place for the latter, hence InsecureSkipVerify and all
// of the verification here.
func (e *enrollment) config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{enrollALPN},
		ServerName:             gatewayHost,
		SessionTicketsDisabled: true,
		InsecureSkipVerify:     true,
		VerifyConnection:       func(s tls.ConnectionState) error { return e.verify(s.PeerCertificates[0]) },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return e.authority.certificate()
		},
	}
}

func (e *enrollment) verify(leaf *x509.Certificate) error {
	peer, err := peerIn(leaf)
	switch {
	case err != nil:
		return refused("what listens there is not an agent: %w", err)
	case peer != e.gateway:
		return refused("%s listens there, not %s", peer, e.gateway)
	case e.issuedByUs(leaf):
		_, err = leaf.Verify(x509.VerifyOptions{Roots: e.authority.roots, DNSName: gatewayHost})
	default:
		err = leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature)
	}
	if err != nil {
		return refused("the agent's certificate is not valid: %w", err)
	}
	return nil
}

func (e *enrollment) issuedByUs(leaf *x509.Certificate) bool {
	return leaf.CheckSignatureFrom(e.authority.cert) == nil
}

// confirm asks an enrolled agent whether it accepts us: in TLS 1.3 a client
// learns only from the first answer whether the server took its certificate.
func (e *enrollment) confirm(c *conversation) error {
	answer, err := ask[stateResponse](c, "GET", pathState, nil)
	if err == nil && answer.Peer != e.gateway.String() {
		err = refused("%s answers, not %s", answer.Peer, e.gateway)
	}
	return err
}

// introduce enrolls an agent that is not.
func (e *enrollment) introduce(c *conversation) error {
	secret, err := exporter(&c.state, e.gateway)
	if err != nil {
		return err
	}
	agent, err := ask[helloResponse](c, "POST", pathHello, helloRequest{MAC: prove(e.key, labelOrchestrator, secret)})
	if err != nil {
		return err
	}
	if !hmac.Equal(agent.MAC, prove(e.key, labelAgent, secret, agent.CSR)) {
		return refused("the agent does not know the token: somebody may be in between")
	}
	chain, err := e.authority.SignGateway(e.gateway.Name, e.token, agent.CSR)
	if err != nil {
		return refused("%w", err)
	}
	_, err = ask[nothing](c, "POST", pathInstall, installRequest{
		Chain: chain, MAC: prove(e.key, labelInstall, secret, chain...),
	})
	return err
}
