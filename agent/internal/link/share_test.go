package link_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// pair is a client with n connections to a server that serves as it is told.
func (f *fabric) pair(n int, serve func(context.Context, route.Gateway, link.Stream)) *link.Endpoint {
	f.t.Helper()
	_, address := f.endpoint("server", func(c *link.Config) { c.Serve = serve })
	client, _ := f.endpoint("client", nil)
	client.SetPeers(f.to("server", address, n))
	return client
}

// dataFrame is one of n bytes.
func dataFrame(n int) []byte {
	b := make([]byte, wire.HeadSize+n)
	wire.PutHead(b, wire.TypeData, n)
	return b
}

// TestAnswersComeWhileLaterPayloadsAreUnderWay: the first chunk's answer waits
// until the second has come, on one connection.
func TestAnswersComeWhileLaterPayloadsAreUnderWay(t *testing.T) {
	overBoth(t, func(f *fabric) {
		second := make(chan struct{})
		client := f.pair(1, func(_ context.Context, _ route.Gateway, s link.Stream) {
			defer s.Release()
			text, err := hear(s)
			if err != nil {
				f.t.Error(err)
			}
			if text == "first" {
				<-second
			} else {
				close(second)
			}
			s.Write([]byte("answer to " + text))
			s.CloseWrite()
		})
		var asking sync.WaitGroup
		for _, text := range []string{"first", "second"} {
			asking.Go(func() {
				if got, err := ask(client, "server", text); err != nil || got != "answer to "+text {
					f.t.Errorf("%s: %q, %v", text, got, err)
				}
			})
			time.Sleep(time.Second)
		}
		asking.Wait()
	})
}

// TestAStreamThatEndsEarlyLeavesItsConnection: whichever side ends it.
func TestAStreamThatEndsEarlyLeavesItsConnection(t *testing.T) {
	overBoth(t, func(f *fabric) {
		ends := make(chan error, 1)
		client := f.pair(1, func(ctx context.Context, peer route.Gateway, s link.Stream) {
			buf := make([]byte, wire.MaxFrame)
			fr, err := wire.Read(s, buf)
			if err == nil { // what opens the stream; over QUIC it may be overtaken by the stream's end
				fr, err = wire.Read(s, buf)
			}
			switch {
			case err != nil || fr.Type == wire.TypeAbort: // the opener ended it
				ends <- errors.Join(err, errors.New("given up"))
				s.Release()
			case buf[wire.HeadSize] == 's':
				s.StopReading()
				s.Write([]byte("enough"))
				s.CloseWrite()
				s.Release()
			case buf[wire.HeadSize] == 'r':
				s.Release()
			default:
				s.Write(buf[wire.HeadSize:][:1])
				s.CloseWrite()
				s.Release()
			}
		})
		still := func(after string) {
			f.t.Helper()
			for range 2 {
				b := append((&wire.Probe{}).Append(nil), dataFrame(1)...)
				b[len(b)-1] = 'x'
				s, err := client.Open(f.t.Context(), "server", link.Leg{})
				if err != nil {
					f.t.Fatalf("after %s: %v", after, err)
				}
				s.Write(append(b, wire.AppendEnd(nil, 0)...))
				s.CloseWrite()
				if got, err := io.ReadAll(s); err != nil || string(got) != "x" {
					f.t.Errorf("after %s: %q, %v", after, got, err)
				}
				s.Release()
			}
		}
		for _, c := range []struct{ kind, answer string }{{"s", "enough"}, {"r", ""}} {
			s, err := client.Open(f.t.Context(), "server", link.Leg{})
			if err != nil {
				f.t.Fatal(err)
			}
			b := append((&wire.Probe{}).Append(nil), dataFrame(1)...)
			b[len(b)-1] = c.kind[0]
			_, err = s.Write(b)
			for err == nil { // more than any window
				_, err = s.Write(dataFrame(wire.MaxData))
			}
			if !link.Stopped(err) {
				f.t.Errorf("%s: writing ends with %v", c.kind, err)
			}
			if got, err := io.ReadAll(s); string(got) != c.answer || (err == nil) != (c.answer != "") {
				f.t.Errorf("%s: %q, %v", c.kind, got, err)
			}
			s.Release()
			still(c.kind)
		}
		s, err := client.Open(f.t.Context(), "server", link.Leg{})
		if err != nil {
			f.t.Fatal(err)
		}
		s.Write((&wire.Probe{}).Append(nil))
		s.Release()
		if err := <-ends; err == nil {
			f.t.Error("the server was not told")
		}
		still("giving up")
	})
}

// TestAnInterruptedStreamFailsAtOnce: reading, and writing into a peer that
// takes nothing.
func TestAnInterruptedStreamFailsAtOnce(t *testing.T) {
	overBoth(t, func(f *fabric) {
		client := f.pair(1, func(ctx context.Context, _ route.Gateway, s link.Stream) {
			defer s.Release()
			<-ctx.Done()
		})
		for name, use := range map[string]func(link.Stream) error{
			"reading": func(s link.Stream) error { _, err := s.Read(make([]byte, 1)); return err },
			"writing": func(s link.Stream) (err error) {
				for err == nil {
					_, err = s.Write(dataFrame(wire.MaxData))
				}
				return err
			},
		} {
			s, err := client.Open(f.t.Context(), "server", link.Leg{})
			if err != nil {
				f.t.Fatal(err)
			}
			if _, err := s.Write((&wire.Probe{}).Append(nil)); err != nil {
				f.t.Fatal(err)
			}
			start := time.Now()
			time.AfterFunc(time.Second, s.Interrupt)
			if err := use(s); err == nil || time.Since(start) != time.Second {
				f.t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			s.Release()
			time.Sleep(time.Second)
		}
	})
}

// TestWaitingForAConnection: over TLS, as long as the payload before gets on,
// and no longer.
func TestWaitingForAConnection(t *testing.T) {
	simulated(t, link.TLS, func(f *fabric) {
		client := f.pair(1, func(ctx context.Context, peer route.Gateway, s link.Stream) { echo(ctx, peer, s) })
		hold := func(every, during time.Duration) error {
			s, err := client.Open(f.t.Context(), "server", link.Leg{})
			if err != nil {
				return err
			}
			s.Write((&wire.Probe{}).Append(nil))
			holding := time.Now()
			done := make(chan error)
			go func() {
				_, err := askPatiently(client, "next")
				done <- err
			}()
			for time.Since(holding) < during {
				s.Write(dataFrame(1))
				time.Sleep(every)
			}
			s.Write(wire.AppendEnd(nil, 0))
			s.CloseWrite()
			s.Release()
			return <-done
		}
		if err := hold(5*time.Second, 30*time.Second); err != nil {
			f.t.Errorf("behind one that gets on: %v", err)
		}
		if err := hold(25*time.Second, 20*time.Second); err == nil || !strings.HasPrefix(err.Error(), "stalled: server took nothing") {
			f.t.Errorf("behind one that does not: %v", err)
		}
	})
}

// askPatiently is ask without an end.
func askPatiently(e *link.Endpoint, text string) (string, error) {
	s, err := e.Open(context.Background(), "server", link.Leg{})
	if err != nil {
		return "", err
	}
	defer s.Release()
	if _, err := s.Write(frames(text)); err != nil {
		return "", err
	}
	s.CloseWrite()
	b, err := io.ReadAll(s)
	return string(b), err
}
