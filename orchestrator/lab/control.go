package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Change is a change of one link, or of all links of one region. What is nil
// stays.
type Change struct {
	From   string `json:"from"`
	To     string `json:"to"` // empty: all links of From, the operator's too
	OneWay bool   `json:"one_way"`

	Mbit   *float64       `json:"mbit,omitempty"` // 0: without limit
	RTT    *time.Duration `json:"rtt,omitempty"`
	Jitter *time.Duration `json:"jitter,omitempty"`
	Loss   *float64       `json:"loss,omitempty"`
	Burst  *float64       `json:"burst,omitempty"`
	Queue  *int           `json:"queue,omitempty"` // bytes
	Down   *bool          `json:"down,omitempty"`
	NoUDP  *bool          `json:"no_udp,omitempty"`
}

// Status is what a lab does at the moment. Counters are since it is up.
type Status struct {
	Name  string       `json:"name"`
	Links []LinkStatus `json:"links"` // every direction, the operator's last
	Hosts []HostStatus `json:"hosts"`
}

// LinkStatus is one direction of a link.
type LinkStatus struct {
	From     string  `json:"from"`
	To       string  `json:"to"`
	Mbit     float64 `json:"mbit"` // 0: without limit
	RTTMs    float64 `json:"rtt_ms"`
	JitterMs float64 `json:"jitter_ms"`
	Loss     float64 `json:"loss"`
	Burst    float64 `json:"burst"`
	Down     bool    `json:"down"`
	NoUDP    bool    `json:"no_udp"`
	Bytes    uint64  `json:"bytes"`   // let onto the link
	Packets  uint64  `json:"packets"` // let onto the link
	Lost     uint64  `json:"lost"`    // packets that chance took
	Dropped  uint64  `json:"dropped"` // packets that found the queue full
	Blocked  uint64  `json:"blocked"` // packets that met a link that is down, or closed to UDP
}

// HostStatus is one host.
type HostStatus struct {
	Region    string     `json:"region"` // "operator" for the operator
	Namespace string     `json:"namespace"`
	Address   netip.Addr `json:"address"`
	Store     bool       `json:"store"`
	Received  uint64     `json:"received"` // bytes
}

// Lab is a lab that is up.
type Lab struct {
	Info
	Dir string
}

// controlSocket is where a lab listens, in its directory.
const controlSocket = "control.sock"

// Set changes the network. What is on its way keeps the time it was given.
func (l *Lab) Set(ctx context.Context, c Change) error {
	return l.call(ctx, "/set", c, nil)
}

// Status tells what the lab does.
func (l *Lab) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, l.call(ctx, "/status", nil, &s)
}

// end asks the lab's process to end.
func (l *Lab) end(ctx context.Context) error { return l.call(ctx, "/end", nil, nil) }

// call asks the lab's process for something.
func (l *Lab) call(ctx context.Context, path string, in, out any) (err error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", l.path(controlSocket))
	}}
	defer transport.CloseIdleConnections()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lab"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("the lab %s does not answer: %w", l.Name, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Errorf("the lab %s does not answer: %w", l.Name, err)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s", bytes.TrimSpace(answer))
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer, out)
}

// controller is what the control socket asks of.
type controller interface {
	set(Change) error
	status() Status
	end()
}

// handler serves the control socket.
func handler(c controller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /set", func(w http.ResponseWriter, r *http.Request) {
		var change Change
		err := json.NewDecoder(r.Body).Decode(&change)
		if err == nil {
			err = c.set(change)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /status", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.status()) // fails only if the caller has gone
	})
	mux.HandleFunc("POST /end", func(http.ResponseWriter, *http.Request) { c.end() })
	return mux
}
