package faults

import (
	"io"
	"net/http"
)

// Answer says what the server did not: an error, or a lie. The request does
// not reach the server.
func Answer(status int, contentType, body string) Action {
	return func(w http.ResponseWriter, r *http.Request, _ func() *http.Response) {
		io.Copy(io.Discard, r.Body) // a client that still sends might not read
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// Reset cuts the connection after n bytes of the answer's body.
func Reset(n int64) Action {
	return func(w http.ResponseWriter, _ *http.Request, next func() *http.Response) {
		send(w, next(), n)
		reset(w)
	}
}

// Truncate ends the answer after n bytes of its body, as a server that was
// stopped does: the connection is closed in good order.
func Truncate(n int64) Action {
	return func(w http.ResponseWriter, _ *http.Request, next func() *http.Response) {
		send(w, next(), n)
		panic(http.ErrAbortHandler)
	}
}

// Stall says nothing more after n bytes of the answer's body, and keeps the
// connection open until the client gives up.
func (p *Proxy) Stall(n int64) Action {
	return func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		send(w, next(), n)
		p.hold(r)
	}
}

// Silence never answers. The request does not reach the server.
func (p *Proxy) Silence() Action {
	return func(_ http.ResponseWriter, r *http.Request, _ func() *http.Response) {
		io.Copy(io.Discard, r.Body) // or nobody would notice that the client goes
		p.hold(r)
		panic(http.ErrAbortHandler)
	}
}

func (p *Proxy) hold(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-p.closed:
	}
}

// LoseReply lets the server carry the request out, and cuts the connection
// instead of saying so.
func LoseReply(w http.ResponseWriter, _ *http.Request, next func() *http.Response) {
	io.Copy(io.Discard, next().Body)
	reset(w)
}

// RefuseBody cuts the connection after n bytes of the request's body. The
// request does not reach the server.
func RefuseBody(n int64) Action {
	return func(w http.ResponseWriter, r *http.Request, _ func() *http.Response) {
		io.CopyN(io.Discard, r.Body, n)
		reset(w)
	}
}
