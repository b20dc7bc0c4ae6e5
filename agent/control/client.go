package control

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// ClientConfig says how to reach an agent.
type ClientConfig struct {
	Address string      // HOST:PORT, the same for UDP and TCP
	TLS     *tls.Config // enroll.Authority.ClientConfig of the gateway; its protocols are replaced

	QUICTimeout time.Duration // to wait for QUIC before TCP is tried; 0: 2 s
	Silence     time.Duration // without a sign of life in Results before it fails; 0: 10 s
}

// Client is the API of an agent elsewhere. It is safe for concurrent use.
//
// It speaks HTTP/3 over one QUIC connection, or HTTP/2 over TLS on the same
// port number where QUIC does not answer; the choice holds until a connection
// fails and is then made again. Every method but Results asks again, a few
// times and for a few seconds, when a connection is lost: that is what makes
// the API safe to repeat.
//
// What the agent answers comes back as it was: an *objstore.Error stays one.
// Where no answer comes the error wraps an *UnreachableError, or is the
// error of the context.
type Client struct {
	cfg        ClientConfig
	transports *chooser
	calls      gate
	life       context.Context // ends with Close
	end        context.CancelFunc
}

var _ API = (*Client)(nil)

// UnreachableError says that a request got no answer. Whether it was carried
// out is unknown.
type UnreachableError struct {
	Address string
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("agent at %s does not answer: %v", e.Address, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// errClosed is why a call on a closed client fails.
var errClosed = errors.New("the control client is closed")

// Tries of one call, and the first pause between two.
const (
	maxTries   = 3
	firstPause = 200 * time.Millisecond
)

// NewClient returns a client that connects when it is first used. Close ends
// it.
func NewClient(cfg ClientConfig) (*Client, error) {
	if _, _, err := net.SplitHostPort(cfg.Address); err != nil {
		return nil, fmt.Errorf("agent address %q is not HOST:PORT", cfg.Address)
	}
	if cfg.TLS == nil {
		return nil, errors.New("control client needs a TLS configuration")
	}
	if cfg.QUICTimeout == 0 {
		cfg.QUICTimeout = 2 * time.Second
	}
	if cfg.Silence == 0 {
		cfg.Silence = 10 * time.Second
	}
	life, end := context.WithCancel(context.Background())
	return &Client{cfg: cfg, transports: newChooser(cfg), life: life, end: end}, nil
}

// Close ends the calls under way, waits for them to return, and closes the
// connections.
func (c *Client) Close() error {
	c.end()
	c.calls.close()
	return c.transports.close()
}

// Protocol is what the client speaks at the moment: "h3", "tcp", or "" before
// the first call and after a connection was lost.
func (c *Client) Protocol() string { return c.transports.protocol() }

// enter begins a call. The context returned ends with ctx and with the client.
func (c *Client) enter(ctx context.Context) (bound context.Context, leave func(), err error) {
	if !c.calls.enter() {
		return nil, nil, c.unreachable(errClosed)
	}
	bound, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.life, func() { cancel(errClosed) })
	return bound, func() {
		stop()
		cancel(nil)
		c.calls.leave()
	}, nil
}

// reason replaces the echo of an ended context by what ended it: the caller's
// own context as it is, which is how every implementation of API answers.
func (c *Client) reason(ctx, bound context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bound.Err() != nil:
		return c.unreachable(context.Cause(bound))
	}
	return err
}

func (c *Client) unreachable(err error) error {
	return &UnreachableError{Address: c.cfg.Address, Err: err}
}

// call makes a request and reads its answer. Body is JSON, or nil for a GET.
func call[Resp any](ctx context.Context, c *Client, path string, body []byte) (Resp, error) {
	bound, leave, err := c.enter(ctx)
	if err != nil {
		var zero Resp
		return zero, err
	}
	defer leave()
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = firstPause
	resp, err := backoff.Retry(bound, func() (Resp, error) {
		resp, err := callOnce[Resp](bound, c, path, body)
		if _, lost := errors.AsType[*UnreachableError](err); err != nil && !lost {
			err = backoff.Permanent(err)
		}
		return resp, err
	}, backoff.WithBackOff(pause), backoff.WithMaxTries(maxTries))
	return resp, c.reason(ctx, bound, err)
}

func callOnce[Resp any](ctx context.Context, c *Client, path string, body []byte) (Resp, error) {
	var resp Resp
	err := c.exchange(ctx, path, body, func(answer io.Reader) (err error) {
		resp, err = decodeAnswer[Resp](answer)
		return err
	})
	return resp, err
}

// exchange makes a request once and has read consume the answer. Errors that
// the agent answers with come back as they were; failing to get an answer, or
// to read it, is an *UnreachableError and costs the connection if that is why.
func (c *Client) exchange(ctx context.Context, path string, body []byte, read func(io.Reader) error) error {
	method, content := http.MethodGet, io.Reader(nil)
	if body != nil {
		method, content = http.MethodPost, bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+c.cfg.Address+path, content)
	if err != nil {
		return err
	}
	t, err := c.transports.choose(ctx)
	if err != nil {
		return c.unreachable(err)
	}
	resp, err := t.RoundTrip(req)
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return answeredError(resp)
		}
		err = read(resp.Body)
	}
	if _, ours := errors.AsType[*finalError](err); err == nil || ours {
		return err
	}
	if ctx.Err() == nil {
		err = c.transports.failed(t, err)
	}
	return c.unreachable(err)
}

// finalError passes an error of the caller's through exchange.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// answeredError reads the error that an agent answered with.
func answeredError(resp *http.Response) error {
	w, err := decodeAnswer[wireError](resp.Body)
	if err != nil || w.Message == "" {
		return fmt.Errorf("agent answers %s: is it another version?", resp.Status)
	}
	return w.err()
}
