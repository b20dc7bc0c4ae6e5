package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/metrics"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/version"
	"github.com/skyctl/skyctl/agent/wire"
)

// An agent's live heap is small and its garbage plentiful (QUIC's frames and
// packets), so the collector may wait until the heap is several times what
// lives, as long as it stays under the limit.
const gcPercent = 400

// heapMargin is what an agent's heap may hold beyond its budget before the
// collector works harder: SDKs, stacks, certificates.
const heapMargin = 64 << 20

// Why an agent ends itself.
var (
	errNotEnrolled = errors.New("nobody enrolled this gateway in time")
	errLifetime    = errors.New("the gateway's lifetime is over")
)

// serve runs the gateway that the boot file describes until ctx ends or its
// time is up; neither is an error.
func serve(ctx context.Context, bootFile string, told *ready) error {
	boot, err := enroll.ReadBoot(bootFile)
	if err != nil {
		return told.failed(err)
	}
	debug.SetGCPercent(gcPercent)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("gateway", boot.Name)
	notAfter := time.Now().Add(boot.Lifetime())
	if boot.NotAfter.Before(notAfter) {
		notAfter = boot.NotAfter
	}
	ctx, cancel := context.WithDeadlineCause(ctx, notAfter, errLifetime)
	defer cancel()

	identity, err := enroll.NewIdentity(boot)
	if err != nil {
		return told.failed(err)
	}
	port, err := agent.OpenPort(boot.Listen, log)
	if err != nil {
		return told.failed(err)
	}
	web := control.NewHandoff(port.Listener.Addr())
	enrollment, err := enroll.Handler(identity, boot.Token, log)
	if err != nil {
		return told.failed(err)
	}
	var server *control.Server // the agent accepts its connections, and it serves the agent
	a := agent.New(agent.Config{
		Name: boot.Name, Run: boot.Run, Version: version.Version, NotAfter: notAfter, Log: log,
		MemoryLimit: func(budget int64) { debug.SetMemoryLimit(budget + heapMargin) },
		Network: &agent.Network{
			Sockets:    port.Sockets,
			Listener:   port.Listener,
			Server:     identity.ServerConfig(wire.ALPN, control.ALPN),
			ServerTCP:  identity.ServerConfig(append([]string{wire.ALPN}, control.ALPNTCP...)...),
			Client:     func(peer route.Gateway) *tls.Config { return identity.ClientConfig(peer, wire.ALPN) },
			PeerOf:     agent.GatewayOf,
			ServeHTTP3: func(ctx context.Context, conn *quic.Conn) error { return server.ServeQUICConn(ctx, conn) },
			ServeHTTP:  web.Give,
		},
	})
	server = control.NewServer(control.Mux(enrollment, control.Handler(a), map[string]http.Handler{metrics.Path: metrics.Handler(a)}), log)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.Run(ctx) })
	g.Go(func() error { return server.ServeTLS(ctx, web) })
	g.Go(func() error { return waitForEnrollment(ctx, identity, boot.EnrollWithin()) })
	if err := told.listening(); err != nil {
		cancel()
		return errors.Join(err, g.Wait())
	}
	log.Info("listening", "address", port.Listener.Addr(), "version", version.Version, "not_after", notAfter.UTC())
	err = g.Wait()
	log.Info("ended", "cause", context.Cause(ctx), "error", err)
	if errors.Is(err, errNotEnrolled) {
		return nil // what it was told to do
	}
	return err
}

func waitForEnrollment(ctx context.Context, id *enroll.Identity, within time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := id.Wait(waiting); err != nil && ctx.Err() == nil {
		return errNotEnrolled
	}
	return nil
}
