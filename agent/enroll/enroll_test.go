package enroll

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/port"
	"github.com/skyctl/skyctl/agent/route"
)

func TestEnroll(t *testing.T) {
	a := authority(t, testRun)
	token := a.NewToken()
	agent := startAgent(t, bootOf(a, "gw-0", token), nil)
	if err := Enroll(within(t, time.Minute), agent.address, "gw-0", token, a); err != nil {
		t.Fatal(err)
	}
	if err := agent.id.Wait(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	// Again, by the certificate: the token is dead.
	if err := Enroll(within(t, time.Minute), agent.address, "gw-0", a.NewToken(), a); err != nil {
		t.Errorf("enrolled once, asked again: %v", err)
	}
	if log := agent.log.String(); strings.Contains(log, string(token)) || !strings.Contains(log, "enrolled") {
		t.Errorf("log: %s", log)
	}
}

func TestEnrollWaitsForTheAgent(t *testing.T) {
	a := authority(t, testRun)
	token := a.NewToken()
	free, err := port.Hold("127.0.0.1")
	if err == nil {
		err = free.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(free.Number))
	err = Enroll(within(t, time.Second), address, "gw-0", token, a)
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "refused") {
		t.Fatalf("nobody listens: %v", err)
	}
	result := make(chan error, 1)
	go func() { result <- Enroll(within(t, time.Minute), address, "gw-0", token, a) }()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	startAgentOn(t, ln, bootOf(a, "gw-0", token), nil)
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

func TestEnrollEndsWithItsContext(t *testing.T) {
	a := authority(t, testRun)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- Enroll(ctx, ln.Addr().String(), "gw-0", a.NewToken(), a) }()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestEnrollRefusals(t *testing.T) {
	a := authority(t, testRun)
	token := a.NewToken()
	agent := startAgent(t, bootOf(a, "gw-0", token), nil)
	sameName := authority(t, testRun)
	for _, c := range []struct {
		name      string
		gateway   route.Gateway
		token     Token
		authority *Authority
		want      string
	}{
		{"wrong token", "gw-0", a.NewToken(), a, "another token"},
		{"another gateway", "gw-1", token, a, "gw-0 listens there"},
		{"another run", "gw-0", token, authority(t, "r8"), "skyctl://r7/gateway/gw-0 listens there"},
		{"an authority of the same name", "gw-0", token, sameName, "another token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Enroll(within(t, time.Minute), agent.address, c.gateway, c.token, c.authority)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if err := Enroll(within(t, time.Minute), agent.address, "gw-0", token, a); err != nil {
		t.Errorf("the right orchestrator after all that: %v", err)
	}
}

func TestTheTokenDiesWithInstall(t *testing.T) {
	a := authority(t, testRun)
	token := a.NewToken()
	agent := startAgent(t, bootOf(a, "gw-0", token), nil)
	e, err := newEnrollment(agent.address, "gw-0", token, a)
	if err != nil {
		t.Fatal(err)
	}
	early := talk(t, agent, e) // no client certificate was asked for on this connection
	if err := Enroll(within(t, time.Minute), agent.address, "gw-0", token, a); err != nil {
		t.Fatal(err)
	}
	if err := e.introduce(early); !errors.Is(err, ErrRefused) {
		t.Errorf("the token after its death: %v", err)
	}
	late := authority(t, testRun)
	if err := Enroll(within(t, time.Minute), agent.address, "gw-0", token, late); !errors.Is(err, ErrRefused) {
		t.Errorf("a second orchestrator: %v", err)
	}
}

func TestAProofIsGoodOnItsConnectionOnly(t *testing.T) {
	a := authority(t, testRun)
	token := a.NewToken()
	agent := startAgent(t, bootOf(a, "gw-0", token), nil)
	e, err := newEnrollment(agent.address, "gw-0", token, a)
	if err != nil {
		t.Fatal(err)
	}
	first := talk(t, agent, e)
	secret, err := exporter(&first.state, e.gateway)
	if err != nil {
		t.Fatal(err)
	}
	hello := helloRequest{MAC: prove(e.key, labelOrchestrator, secret)}
	answer, err := ask[helloResponse](first, "POST", pathHello, hello)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask[helloResponse](talk(t, agent, e), "POST", pathHello, hello); !errors.Is(err, ErrRefused) {
		t.Errorf("the orchestrator's proof on another connection: %v", err)
	}
	// The agent's own proof must not pass as the orchestrator's either.
	if _, err := ask[helloResponse](first, "POST", pathHello, helloRequest{MAC: answer.MAC}); !errors.Is(err, ErrRefused) {
		t.Errorf("the agent's proof in the other direction: %v", err)
	}
}

// TestManInTheMiddle puts somebody between the two who speaks TLS with both
// and shows a certificate with the right name.
func TestManInTheMiddle(t *testing.T) {
	a := authority(t, testRun)
	token := a.NewToken()
	agent := startAgent(t, bootOf(a, "gw-0", token), nil)
	mallory, err := NewIdentity(bootOf(a, "gw-0", token))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", mallory.ServerConfig("http/1.1"))
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			left, err := ln.Accept()
			if err != nil {
				return
			}
			right, err := tls.Dial("tcp", agent.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			if err != nil {
				t.Error(err)
				return
			}
			conns.Go(func() { _, _ = io.Copy(right, left); right.Close() })
			conns.Go(func() { _, _ = io.Copy(left, right); left.Close() })
		}
	})
	t.Cleanup(func() { ln.Close(); conns.Wait() })

	if err := Enroll(within(t, time.Minute), ln.Addr().String(), "gw-0", token, a); !errors.Is(err, ErrRefused) {
		t.Errorf("through the middle: %v", err)
	}
	if err := Enroll(within(t, time.Minute), agent.address, "gw-0", token, a); err != nil {
		t.Errorf("directly afterwards: %v", err)
	}
}

// TestImpostor is an agent that takes any proof but does not know the token.
func TestImpostor(t *testing.T) {
	a := authority(t, testRun)
	agent := startAgent(t, bootOf(a, "gw-0", a.NewToken()), func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"csr":"AAAA","mac":"`+strings.Repeat("A", 43)+`="}`)
		})
	})
	err := Enroll(within(t, time.Minute), agent.address, "gw-0", a.NewToken(), a)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "does not know the token") {
		t.Errorf("got %v", err)
	}
}

// TestLostReplies cuts the connection once after each step took place.
func TestLostReplies(t *testing.T) {
	for _, path := range []string{pathHello, pathInstall} {
		t.Run(path, func(t *testing.T) {
			a := authority(t, testRun)
			token := a.NewToken()
			var lose sync.Once
			agent := startAgent(t, bootOf(a, "gw-0", token), func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == path {
						lose.Do(func() {
							next.ServeHTTP(httptest.NewRecorder(), r)
							panic(http.ErrAbortHandler)
						})
					}
					next.ServeHTTP(w, r)
				})
			})
			if err := Enroll(within(t, time.Minute), agent.address, "gw-0", token, a); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestCrashBetweenSteps lets an orchestrator die after it signed and before it
// installed, and another process go on from its directory.
func TestCrashBetweenSteps(t *testing.T) {
	dir := t.TempDir() + "/ca"
	a := authority(t, testRun)
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	token := a.NewToken()
	boot := bootOf(a, "gw-0", token)
	agent := startAgent(t, boot, nil)
	if _, err := a.SignGateway("gw-0", token, agent.id.csr); err != nil {
		t.Fatal(err)
	}
	b, err := LoadAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	other := startAgent(t, boot, nil) // the same boot data, another key
	if err := Enroll(within(t, time.Minute), other.address, "gw-0", token, b); !errors.Is(err, ErrRefused) || !errors.Is(err, ErrSpent) {
		t.Errorf("the token for a second key: %v", err)
	}
	if err := Enroll(within(t, time.Minute), agent.address, "gw-0", token, b); err != nil {
		t.Errorf("the same key again: %v", err)
	}
}
