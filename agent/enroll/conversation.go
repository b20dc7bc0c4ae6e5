package enroll

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// conversation is HTTP/1.1 over the one connection that the proofs are bound
// to. net/http's client would not promise to stay on it.
type conversation struct {
	ctx   context.Context
	conn  *tls.Conn
	state tls.ConnectionState
	in    *bufio.Reader
	stop  func() bool
}

// newConversation takes over conn and ends it with ctx.
func newConversation(ctx context.Context, conn *tls.Conn) *conversation {
	return &conversation{
		ctx:   ctx,
		conn:  conn,
		state: conn.ConnectionState(),
		in:    bufio.NewReader(conn),
		// Closing the socket below TLS frees a blocked read or write at once.
		stop: context.AfterFunc(ctx, func() { _ = conn.NetConn().Close() }),
	}
}

func (c *conversation) close() {
	c.stop()
	_ = c.conn.Close() // everything that matters was answered
}

// nothing is the answer without a body.
type nothing struct{}

func (nothing) validate() error { return nil }

// ask sends a request, with body as JSON unless it is nil, and reads the answer. An
// answer of 4xx wraps ErrRefused.
func ask[M message](c *conversation, method, path string, body message) (M, error) {
	answer, err := exchange[M](c, method, path, body)
	if err != nil && c.ctx.Err() != nil {
		err = context.Cause(c.ctx) // the closed socket is only its echo
	}
	return answer, err
}

func exchange[M message](c *conversation, method, path string, body message) (answer M, err error) {
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return answer, err
		}
	}
	req, err := http.NewRequestWithContext(c.ctx, method, "https://"+gatewayHost+path, bytes.NewReader(content))
	if err != nil {
		return answer, err
	}
	if err := req.Write(c.conn); err != nil {
		return answer, err
	}
	resp, err := http.ReadResponse(c.in, req)
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNoContent:
		return answer, nil
	case resp.StatusCode == http.StatusOK:
		return decode[M](io.LimitReader(resp.Body, maxMessage))
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		return answer, refused("the agent answers %s: it has another token, or another orchestrator enrolled it", resp.Status)
	}
	return answer, fmt.Errorf("the agent answers %s", resp.Status)
}
