package enroll

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

const (
	maxBoot     = 64 << 10       // bytes of a boot file
	maxLifetime = 24 * time.Hour // of a gateway
)

// Boot is what a gateway is told when it is created. Terraform writes it and
// keeps it in its state, so nothing in it opens anything once the gateway is
// enrolled.
type Boot struct {
	Run                 string        `json:"run"`
	Name                route.Gateway `json:"name"`
	Listen              string        `json:"listen"`         // HOST:PORT, both UDP and TCP; an empty HOST is every address
	CACertificate       string        `json:"ca_certificate"` // of the run's authority, PEM
	Token               Token         `json:"token"`
	LifetimeSeconds     int64         `json:"lifetime_seconds"`      // from the agent's start
	NotAfter            time.Time     `json:"not_after"`             // the absolute end, RFC 3339
	EnrollWithinSeconds int64         `json:"enroll_within_seconds"` // from the agent's start
}

// ReadBoot reads and validates the boot file at path.
func ReadBoot(path string) (Boot, error) {
	f, err := os.Open(path)
	if err != nil {
		return Boot{}, fmt.Errorf("read boot file: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBoot+1))
	if err != nil {
		return Boot{}, fmt.Errorf("read boot file: %w", err)
	}
	b, err := parseBoot(raw)
	if err != nil {
		return Boot{}, fmt.Errorf("boot file %s: %w", path, err)
	}
	return b, nil
}

func parseBoot(raw []byte) (Boot, error) {
	if len(raw) > maxBoot {
		return Boot{}, fmt.Errorf("is larger than %d bytes", maxBoot)
	}
	var b Boot
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return Boot{}, fmt.Errorf("is not the expected JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Boot{}, errors.New("has something behind the JSON object")
	}
	return b, b.Validate()
}

// Validate reports everything that is wrong with the boot data, joined, except
// for what depends on the time of day.
func (b Boot) Validate() error {
	var errs []error
	check := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	check("run", checkName("run", b.Run))
	check("name", checkName("gateway", string(b.Name)))
	check("listen", checkListen(b.Listen))
	_, err := parseCA([]byte(b.CACertificate))
	check("ca_certificate", err)
	_, err = b.Token.key()
	check("token", err)
	check("lifetime_seconds", checkSeconds(b.LifetimeSeconds))
	check("enroll_within_seconds", checkSeconds(b.EnrollWithinSeconds))
	if b.NotAfter.IsZero() {
		check("not_after", errors.New("is missing: give a time such as 2026-01-02T15:04:05Z"))
	}
	return errors.Join(errs...)
}

// Lifetime is how long the agent may run.
func (b Boot) Lifetime() time.Duration { return time.Duration(b.LifetimeSeconds) * time.Second }

// EnrollWithin is how long the agent waits for its orchestrator.
func (b Boot) EnrollWithin() time.Duration { return time.Duration(b.EnrollWithinSeconds) * time.Second }

func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	return nil
}

func checkSeconds(n int64) error {
	if limit := int64(maxLifetime / time.Second); n < 1 || n > limit {
		return fmt.Errorf("%d is not from 1 to %d", n, limit)
	}
	return nil
}
