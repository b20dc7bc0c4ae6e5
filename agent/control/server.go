package control

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/netutil"
)

// Limits of a server. A connection costs some tens of kilobytes before its
// peer is known, and nothing reads a body before.
const (
	maxConnections = 256             // over TCP, at once
	maxStreams     = 64              // requests at once on one connection
	maxHeader      = 16 << 10        // bytes
	idleTimeout    = 2 * time.Minute // between requests
	headerTimeout  = 10 * time.Second
	stopTimeout    = 5 * time.Second
)

// ALPN is what the HTTP/3 half of a port is called during the handshake; the
// TCP half offers ALPNTCP. Other protocols may share the UDP port: whoever
// accepts its connections hands those with this one to ServeQUICConn.
const ALPN = http3.NextProtoH3

// ALPNTCP are the protocols of the TCP half of a port.
var ALPNTCP = []string{"h2", "http/1.1"}

// Server serves one handler over TLS on TCP and over HTTP/3.
//
// When the context of a Serve method ends, streams of results end at once,
// requests under way get a few seconds to finish and are then cancelled, and
// the method returns when no handler runs any more.
type Server struct {
	handler  http.Handler
	log      *slog.Logger
	patience time.Duration // with requests under way when the server stops
}

// NewServer returns a server of handler.
func NewServer(handler http.Handler, log *slog.Logger) *Server {
	return &Server{handler: handler, log: log, patience: stopTimeout}
}

// ServeTCP serves HTTP/1.1 and HTTP/2 on ln until ctx ends, and closes ln. The
// configuration should offer ALPNTCP. It returns nil when ctx ended it.
func (s *Server) ServeTCP(ctx context.Context, ln net.Listener, config *tls.Config) error {
	return s.serve(ctx, config, func(srv *http.Server) error {
		return srv.ServeTLS(netutil.LimitListener(ln, maxConnections), "", "")
	})
}

// ServeTLS is ServeTCP for connections that were accepted, limited in number
// and secured by somebody else.
func (s *Server) ServeTLS(ctx context.Context, h *Handoff) error {
	return s.serve(ctx, nil, func(srv *http.Server) error { return srv.Serve(h) })
}

func (s *Server) serve(ctx context.Context, config *tls.Config, accept func(*http.Server) error) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var running gate
	srv := &http.Server{
		Handler:           guard(&running, s.stoppable(ctx)),
		TLSConfig:         config,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: 15 * time.Second},
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	served := make(chan error, 1)
	go func() { served <- accept(srv) }()

	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		patience, enough := context.WithTimeout(base, s.patience)
		if srv.Shutdown(patience) != nil {
			// Out of patience: cancel what still runs and cut its connections.
			cancel()
			if err := srv.Close(); err != nil {
				s.log.Debug("closing control connections", "error", err)
			}
		}
		enough()
		<-served
	}
	cancel()
	running.close()
	return err
}

// ServeQUICConn serves HTTP/3 on one connection until it ends or ctx does, and
// closes it. A connection that ends is no error.
func (s *Server) ServeQUICConn(ctx context.Context, conn *quic.Conn) error {
	srv := &http3.Server{
		Handler:        s.stoppable(ctx),
		MaxHeaderBytes: maxHeader,
		Logger:         s.log,
	}
	served := make(chan error, 1)
	go func() { served <- srv.ServeQUICConn(conn) }()

	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		patience, enough := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
		if err := srv.Shutdown(patience); err != nil {
			s.log.Debug("closing a control connection", "error", err)
		}
		enough()
		err = conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
		<-served
	}
	if conn.Context().Err() != nil {
		return nil
	}
	return errors.Join(err, conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeInternalError), ""))
}

// stoppingKey finds the server's context in that of a request.
type stoppingKey struct{}

// stopping returns the context whose end announces that the server will stop,
// nil outside a Server.
func stopping(ctx context.Context) context.Context {
	stop, _ := ctx.Value(stoppingKey{}).(context.Context)
	return stop
}

func (s *Server) stoppable(stop context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), stoppingKey{}, stop)))
	})
}
