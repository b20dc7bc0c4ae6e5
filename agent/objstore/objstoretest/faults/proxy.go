// Package faults is a small HTTP proxy that breaks what passes through it, as
// networks and stores do, and what a provider must make of it. Only tests
// import it.
package faults

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands before a store's server until the test ends.
type Proxy struct {
	target *url.URL
	server *httptest.Server
	client *http.Transport
	closed chan struct{}

	mu    sync.Mutex
	fault Fault
	hits  int // requests that its Do was given
}

// Fault is what becomes of some requests. The others pass.
type Fault struct {
	Match func(*http.Request) bool // nil: every request
	Times int                      // how many are broken; 0: all
	Do    Action
}

// Action answers a request. next hands it to the server, at most once; its
// answer's body is closed for the action.
type Action func(w http.ResponseWriter, r *http.Request, next func() *http.Response)

// Start returns a proxy to the server at endpoint that breaks nothing yet.
// Requests keep their Host, which signatures cover.
func Start(t testing.TB, endpoint string) *Proxy {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, client: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}, closed: make(chan struct{})}
	p.server = httptest.NewServer(p)
	t.Cleanup(func() {
		close(p.closed)
		p.server.CloseClientConnections()
		p.server.Close()
		p.client.CloseIdleConnections()
	})
	return p
}

// Endpoint is the server's, through the proxy.
func (p *Proxy) Endpoint() string { return p.server.URL + p.target.Path }

// Inject replaces the fault, and counts from zero.
func (p *Proxy) Inject(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.hits = f, 0
}

// Hits is how many requests were broken since Inject.
func (p *Proxy) Hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

// action returns what is to be done with the request, nil to pass it on.
func (p *Proxy) action(r *http.Request) Action {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.fault
	if f.Do == nil || f.Match != nil && !f.Match(r) {
		return nil
	}
	if f.Times > 0 && p.hits == f.Times {
		return nil
	}
	p.hits++
	return f.Do
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer *http.Response
	defer func() {
		if answer != nil {
			answer.Body.Close()
		}
	}()
	next := func() *http.Response {
		var err error
		if answer, err = p.forward(r); err != nil {
			panic(http.ErrAbortHandler) // as if the server had gone
		}
		return answer
	}
	if do := p.action(r); do != nil {
		do(w, r, next)
		return
	}
	Pass(w, next())
}

// forward sends the request on as it came, path and query to the letter.
func (p *Proxy) forward(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.URL = &url.URL{Scheme: p.target.Scheme, Host: p.target.Host, Opaque: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery}
	return p.client.RoundTrip(out)
}

// Pass answers with what the server said.
func Pass(w http.ResponseWriter, answer *http.Response) { send(w, answer, -1) }

// send answers with the first n bytes of the body, -1 for all.
func send(w http.ResponseWriter, answer *http.Response, n int64) {
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	body := io.Reader(answer.Body)
	if n >= 0 {
		body = io.LimitReader(body, n)
	}
	if _, err := io.Copy(w, body); err != nil {
		panic(http.ErrAbortHandler)
	}
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// reset ends the connection as a router that has lost it does.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
