package enroll

import (
	"crypto/tls"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

func enrolled(t *testing.T, a *Authority, name route.Gateway) *Identity {
	t.Helper()
	id, err := a.NewIdentity(name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestPeersKnowEachOther(t *testing.T) {
	a := authority(t, testRun)
	one, two := enrolled(t, a, "gw-1"), enrolled(t, a, "gw-2")
	for _, c := range []struct {
		client *tls.Config
		want   Peer
	}{
		{one.ClientConfig("gw-2", "h2"), one.Peer()},
		{a.ClientConfig("gw-2", "h2"), Peer{Run: testRun, Role: RoleOrchestrator}},
	} {
		c.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for range 2 {
			atServer, atClient, serverErr, clientErr := meet(t, two.ServerConfig("h2"), c.client)
			if serverErr != nil || clientErr != nil {
				t.Fatal(serverErr, clientErr)
			}
			if got, err := PeerOf(atServer); err != nil || got != c.want {
				t.Errorf("the server sees %v, %v; want %v", got, err, c.want)
			}
			if got, err := PeerOf(atClient); err != nil || got != two.Peer() {
				t.Errorf("the client sees %v, %v", got, err)
			}
			if atClient.DidResume || atClient.Version != tls.VersionTLS13 || atClient.NegotiatedProtocol != "h2" {
				t.Errorf("resumed %v, version %x, protocol %q", atClient.DidResume, atClient.Version, atClient.NegotiatedProtocol)
			}
		}
	}
}

func TestStrangersAreRefused(t *testing.T) {
	a, b := authority(t, testRun), authority(t, "r8")
	namesake := authority(t, testRun) // the same run name, another authority
	expired, err := NewAuthority(testRun, time.Now().Add(-grace-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	gw := enrolled(t, a, "gw-1")
	old := enrolledAnyway(t, expired, "gw-1")
	unenrolled, err := NewIdentity(bootOf(a, "gw-9", a.NewToken()))
	if err != nil {
		t.Fatal(err)
	}
	bare := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}
	legacy := a.ClientConfig("gw-1", "h2")
	legacy.MinVersion, legacy.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for _, c := range []struct {
		name           string
		server, client *tls.Config
		want           string // in either end's error
	}{
		{"client without a certificate", gw.ServerConfig("h2"), bare, "certificate"},
		{"orchestrator of another run", gw.ServerConfig("h2"), blind(b.ClientConfig("gw-1", "h2")), "unknown authority"},
		{"gateway of another run", gw.ServerConfig("h2"), blind(enrolled(t, b, "gw-1").ClientConfig("gw-1", "h2")), "unknown authority"},
		{"server of another run", enrolled(t, b, "gw-1").ServerConfig("h2"), a.ClientConfig("gw-1", "h2"), "unknown authority"},
		{"server of a namesake run", enrolled(t, namesake, "gw-1").ServerConfig("h2"), a.ClientConfig("gw-1", "h2"), "unknown authority"},
		{"orchestrator of a namesake run", gw.ServerConfig("h2"), blind(namesake.ClientConfig("gw-1", "h2")), "unknown authority"},
		{"another gateway of the run", gw.ServerConfig("h2"), a.ClientConfig("gw-2", "h2"), "gw-1 answers where skyctl://r7/gateway/gw-2 should"},
		{"a gateway that is not enrolled", gw.ServerConfig("h2"), unenrolled.ClientConfig("gw-1", "h2"), "not enrolled yet"},
		{"expired client", gw.ServerConfig("h2"), blind(expired.ClientConfig("gw-1", "h2")), "certificate"},
		{"expired server", old.ServerConfig("h2"), expired.ClientConfig("gw-1", "h2"), "expired"},
		{"TLS 1.2", gw.ServerConfig("h2"), legacy, "protocol version"},
		{"another protocol", gw.ServerConfig("h2"), a.ClientConfig("gw-1", "h3"), "no application protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, serverErr, clientErr := meet(t, c.server, c.client)
			if serverErr == nil || clientErr == nil {
				t.Fatalf("server: %v, client: %v", serverErr, clientErr)
			}
			if both := serverErr.Error() + "; " + clientErr.Error(); !strings.Contains(both, c.want) {
				t.Errorf("got %s, want %q", both, c.want)
			}
		})
	}
}

// blind makes a client that takes any server, to see what the server makes of
// it.
func blind(c *tls.Config) *tls.Config {
	c.InsecureSkipVerify, c.VerifyConnection = true, nil
	return c
}

// enrolledAnyway installs a certificate past the checks of Install.
func enrolledAnyway(t *testing.T, a *Authority, name route.Gateway) *Identity {
	t.Helper()
	id, err := NewIdentity(bootOf(a, name, a.NewToken()))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.issue(id.peer, id.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Install([][]byte{cert.Raw}); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("Install of an expired certificate: %v", err)
	}
	id.issued = keyPair(cert, id.key)
	return id
}

func TestBeforeEnrollmentThereIsOnlyEnrollment(t *testing.T) {
	a := authority(t, testRun)
	id, err := NewIdentity(bootOf(a, "gw-1", a.NewToken()))
	if err != nil {
		t.Fatal(err)
	}
	stranger := func(alpns ...string) *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, NextProtos: alpns}
	}
	atServer, atClient, serverErr, clientErr := meet(t, id.ServerConfig("h2", "http/1.1"), stranger("h2", "http/1.1"))
	if serverErr != nil || clientErr != nil || atClient.NegotiatedProtocol != "http/1.1" {
		t.Fatalf("%v, %v, protocol %q", serverErr, clientErr, atClient.NegotiatedProtocol)
	}
	if peer, err := PeerOf(atServer); err == nil {
		t.Errorf("a stranger counts as %v", peer)
	}
	if peer, err := PeerOf(atClient); err == nil {
		t.Errorf("a certificate that nobody verified counts as %v", peer)
	}
	for _, c := range []struct{ server, client []string }{
		{[]string{"h3", "skyctl/1"}, []string{"skyctl/1"}},
		{[]string{"h3", "skyctl/1"}, []string{"h3"}},
		{[]string{"h2", "http/1.1"}, []string{"h2"}},
		{[]string{"h3", "skyctl/1"}, []string{"http/1.1"}},
		{[]string{"h2", "http/1.1"}, nil},
	} {
		_, _, serverErr, clientErr := meet(t, id.ServerConfig(c.server...), stranger(c.client...))
		if serverErr == nil || clientErr == nil {
			t.Errorf("%v asked for %v: %v, %v", c.server, c.client, serverErr, clientErr)
		}
	}
}

// TestConfigurationsFollowTheIdentity is about those handed out before.
func TestConfigurationsFollowTheIdentity(t *testing.T) {
	a := authority(t, testRun)
	token := a.NewToken()
	id, err := NewIdentity(bootOf(a, "gw-1", token))
	if err != nil {
		t.Fatal(err)
	}
	server, client := id.ServerConfig("skyctl/1"), id.ClientConfig("gw-2", "skyctl/1")
	chain, err := a.SignGateway("gw-1", token, id.csr)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Install(chain); err != nil {
		t.Fatal(err)
	}
	other := enrolled(t, a, "gw-2")
	if _, _, serverErr, clientErr := meet(t, server, other.ClientConfig("gw-1", "skyctl/1")); serverErr != nil || clientErr != nil {
		t.Errorf("as a server: %v, %v", serverErr, clientErr)
	}
	if _, _, serverErr, clientErr := meet(t, other.ServerConfig("skyctl/1"), client); serverErr != nil || clientErr != nil {
		t.Errorf("as a client: %v, %v", serverErr, clientErr)
	}
}

func TestInstallTakesOnlyItsOwn(t *testing.T) {
	a := authority(t, testRun)
	id, err := NewIdentity(bootOf(a, "gw-1", a.NewToken()))
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewIdentity(bootOf(a, "gw-1", a.NewToken()))
	if err != nil {
		t.Fatal(err)
	}
	issue := func(a *Authority, peer Peer, id *Identity) [][]byte {
		cert, err := a.issue(peer, id.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{cert.Raw}
	}
	for _, c := range []struct {
		name  string
		chain [][]byte
		want  string
	}{
		{"nothing", nil, "there is none"},
		{"rubbish", [][]byte{{1, 2, 3}}, "malformed"},
		{"its own signature", id.selfSigned.Certificate, "unknown authority"},
		{"another authority", issue(authority(t, testRun), id.peer, id), "unknown authority"},
		{"another key", issue(a, id.peer, other), "another key"},
		{"another name", issue(a, Peer{testRun, RoleGateway, "gw-2"}, id), "not skyctl://r7/gateway/gw-1"},
		{"the orchestrator's", issue(a, Peer{Run: testRun, Role: RoleOrchestrator}, id), "gateway.skyctl"},
	} {
		if err := id.Install(c.chain); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	select {
	case <-id.Enrolled():
		t.Error("enrolled by one of these")
	default:
	}
}

func TestParsePeer(t *testing.T) {
	for _, good := range []Peer{{testRun, RoleGateway, "local-east-0"}, {Run: "20261122-a_b", Role: RoleOrchestrator}} {
		if got, err := parsePeer(good.uri()); err != nil || got != good {
			t.Errorf("%v: %v, %v", good, got, err)
		}
	}
	for _, bad := range []string{
		"skyctl://r7/gateway", "skyctl://r7/gateway/", "skyctl://r7/gateway/a/b", "skyctl://r7/gateway/%61", "skyctl://r7/writer/a",
		"skyctl:///gateway/a", "skyctl://r7/orchestrator/a", "skyctl://r7/orchestrator/", "skyctl://r7/orchestrator?x", "skyctl://u@r7/orchestrator",
		"https://r7/orchestrator", "skyctl://r7:1/orchestrator", "skyctl://r7/authority", "skyctl://r7//orchestrator", "skyctl:r7",
	} {
		u, err := url.Parse(bad)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parsePeer(u); err == nil {
			t.Errorf("%s is %+v", bad, got)
		}
	}
}
