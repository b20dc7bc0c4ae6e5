package images_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// agentContent is what example.org has.
const agentContent = "#!/bin/sh\necho agent\n"

var agentSHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte(agentContent)))

// player is the machine's surroundings: a store of agents, Azure's metadata and
// its API, and a record of what was asked.
type player struct {
	mu       sync.Mutex
	content  string // what the agent's URL has
	machines int    // in the resource group
	refuses  int    // requests to Azure, before the role has reached the machine
	asked    []string
}

func (p *player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.Host == "example.org" && r.URL.RawQuery == "a=b&c=%2F":
		fmt.Fprint(w, p.content)
	case r.Host == "169.254.169.254" && r.Header.Get("Metadata") == "true" && strings.HasSuffix(r.URL.Path, "/oauth2/token") && r.URL.Query().Get("client_id") == "client":
		fmt.Fprint(w, `{"access_token":"t0ken","expires_on":"1"}`)
	case r.Host == "169.254.169.254" && r.Header.Get("Metadata") == "true" && strings.HasSuffix(r.URL.Path, "/compute/resourceId"):
		fmt.Fprint(w, "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/me")
	case r.Host == "management.azure.com" && p.refuses > 0:
		p.refuses--
		http.Error(w, "AuthorizationFailed", http.StatusForbidden)
	case r.Host == "management.azure.com" && r.Header.Get("Authorization") == "Bearer t0ken" && r.Method == http.MethodGet:
		fmt.Fprintf(w, `{"value":[%s]}`, strings.TrimSuffix(strings.Repeat(`{"properties":{"vmId":"x"}},`, p.machines), ","))
	case r.Host == "management.azure.com" && r.Header.Get("Authorization") == "Bearer t0ken" && r.Method == http.MethodDelete:
		p.asked = append(p.asked, "DELETE "+r.URL.Path)
	default:
		http.Error(w, "who asks?", http.StatusForbidden)
	}
}

// take returns what was asked, of Azure and of systemd, and forgets it.
func (p *player) take() (asked []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, p.asked = p.asked, nil
	said, err := os.ReadFile("/run/systemd.said")
	if os.IsNotExist(err) {
		return asked, nil
	}
	asked = append(asked, strings.Split(strings.TrimSpace(string(said)), "\n")...)
	return asked, os.Remove("/run/systemd.said")
}

// machine plays one boot in the namespaces that it was started in, and reports
// each step.
func machine(dir string) int {
	if err := boot(dir); err != nil {
		fmt.Println("\nfailed:", err)
		return 1
	}
	return 0
}

func boot(dir string) error {
	var c cloudConfig
	content, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil {
		return err
	}
	p := &player{content: agentContent, machines: 1}
	stop, err := p.surround(dir)
	if err != nil {
		return err
	}
	defer stop()
	steps := []struct {
		name string
		do   func() error
	}{
		{"the end is armed first", func() error { return p.armed(c, "1800s", "1790s") }}, // not_after comes before the lifetime
		{"a reboot does not move it", func() error { return p.armed(c, "1800s", "1780s") }},
		{"files are written", func() error { return write(c) }},
		{"the time is up: poweroff, and the group goes", func() error {
			return p.expect([]string{"DELETE /subscriptions/s/resourceGroups/g", "poweroff"}, "/usr/local/sbin/skyctl-end", "lifetime")
		}},
		{"the last agent ends: the same", func() error {
			return p.expect([]string{"DELETE /subscriptions/s/resourceGroups/g", "poweroff"}, "/usr/local/sbin/skyctl-end", "agent")
		}},
		{"an agent ends before its role has arrived: it is waited for", func() error {
			p.refuses = 60 // a quarter of an hour
			return p.expect([]string{"DELETE /subscriptions/s/resourceGroups/g", "poweroff"}, "/usr/local/sbin/skyctl-end", "agent")
		}},
		{"one of two agents ends: its machine goes", func() error {
			p.machines = 2
			return p.expect([]string{"!DELETE /subscriptions/s/resourceGroups/g", "DELETE /subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/me", "poweroff"}, "/usr/local/sbin/skyctl-end", "agent")
		}},
		{"the agent is fetched", func() error {
			if err := run("/usr/local/sbin/skyctl-fetch"); err != nil {
				return err
			}
			return run("/usr/local/bin/skyagent")
		}},
		{"another agent is refused", func() error {
			p.content = "something else"
			if err := os.Remove("/usr/local/bin/skyagent"); err != nil {
				return err
			}
			if err := run("/usr/local/sbin/skyctl-fetch"); err == nil {
				return fmt.Errorf("it was taken")
			}
			if left, err := filepath.Glob("/usr/local/bin/*"); err != nil || len(left) != 0 {
				return fmt.Errorf("left is %q (%v)", left, err)
			}
			return nil
		}},
		{"a machine whose time is over ends at once", func() error {
			if err := os.WriteFile("/var/lib/skyctl/end", []byte("1\n"), 0o600); err != nil {
				return err
			}
			return p.armed(c, "1s", "1s")
		}},
		{"the agent's unit is started", func() error { return runAll(c, p) }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("\nok %s\n", s.name)
	}
	return nil
}

// surround gives the machine directories of its own, a systemd that writes down
// what it is asked, and the hosts that it talks to.
func (p *player) surround(dir string) (stop func(), err error) {
	for _, script := range []string{
		"ip link set lo up && ip addr add 169.254.169.254/32 dev lo",
		"mkdir -p /var/lib/skyctl /etc/skyctl",
		"for d in /usr/local /var/lib/skyctl /etc/skyctl /etc/systemd/system /etc/sysctl.d /etc/modules-load.d /run; do mkdir -p $d && mount -t tmpfs tmpfs $d; done",
		"mkdir -p /usr/local/bin /usr/local/sbin /usr/local/fake",
		`printf '127.0.0.1 example.org management.azure.com\n' >"` + dir + `/hosts" && mount --bind "` + dir + `/hosts" /etc/hosts`,
		`printf '#!/bin/sh\n' >/usr/local/fake/sleep && chmod 755 /usr/local/fake/sleep`, // nothing here waits for real
		`for c in systemctl systemd-run sysctl; do printf '#!/bin/sh\necho "$*" >>/run/systemd.said\n' >/usr/local/fake/$c && chmod 755 /usr/local/fake/$c; done`,
	} {
		if err := run("sh", "-c", script); err != nil {
			return nil, err
		}
	}
	encrypted := httptest.NewUnstartedServer(p)
	plain := httptest.NewUnstartedServer(p)
	for server, address := range map[*httptest.Server]string{encrypted: "127.0.0.1:443", plain: "169.254.169.254:80"} {
		server.Listener.Close()
		if server.Listener, err = net.Listen("tcp", address); err != nil {
			return nil, err
		}
	}
	authority := filepath.Join(dir, "authority.pem")
	if encrypted.TLS, err = certify(authority, "example.org", "management.azure.com"); err != nil {
		return nil, err
	}
	plain.Start()
	encrypted.StartTLS()
	os.Setenv("CURL_CA_BUNDLE", authority)
	os.Setenv("PATH", "/usr/local/fake:"+os.Getenv("PATH"))
	return func() { plain.Close(); encrypted.Close() }, nil
}

// certify makes a certificate for the hosts, and writes it where curl is told to
// look.
func certify(path string, hosts ...string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), DNSNames: hosts, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return config, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// armed runs what cloud-init runs before anything else. The end is within the
// seconds given.
func (p *player) armed(c cloudConfig, most, least string) error {
	if err := run("sh", "-c", c.BootCmd[0]); err != nil {
		return err
	}
	asked, err := p.take()
	if err != nil || len(asked) != 1 {
		return fmt.Errorf("systemd was asked %q (%v)", asked, err)
	}
	_, rest, _ := strings.Cut(asked[0], "--on-active=")
	in, _, _ := strings.Cut(rest, " ")
	left, err := time.ParseDuration(in)
	upper, err1 := time.ParseDuration(most)
	lower, err2 := time.ParseDuration(least)
	if err != nil || err1 != nil || err2 != nil || left > upper || left < lower || !strings.Contains(asked[0], "skyctl-end lifetime") {
		return fmt.Errorf("the end is in %q, not within %s and %s: %s", in, least, most, asked[0])
	}
	return nil
}

func write(c cloudConfig) error {
	for _, f := range c.Files {
		mode := os.FileMode(0o644)
		if f.Permissions != "" {
			if _, err := fmt.Sscanf(f.Permissions, "%o", &mode); err != nil {
				return err
			}
		}
		if err := os.WriteFile(f.Path, []byte(f.Content), mode); err != nil {
			return err
		}
	}
	return nil
}

// expect runs a script and looks at what it asked for: each of want, and none
// that begins with an exclamation mark.
func (p *player) expect(want []string, name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	asked, err := p.take()
	if err != nil {
		return err
	}
	for _, w := range want {
		unwanted, not := strings.CutPrefix(w, "!")
		if slices.Contains(asked, unwanted) == not {
			return fmt.Errorf("asked was %q, of %q: %s", asked, want, out)
		}
	}
	return nil
}

func runAll(c cloudConfig, p *player) error {
	for _, command := range c.RunCmd {
		if err := run(command[0], command[1:]...); err != nil {
			return err
		}
	}
	asked, err := p.take()
	if err != nil || !slices.Contains(asked, "start --no-block skyagent.service") || !slices.Contains(asked, "daemon-reload") {
		return fmt.Errorf("systemd was asked %q (%v)", asked, err)
	}
	return nil
}
