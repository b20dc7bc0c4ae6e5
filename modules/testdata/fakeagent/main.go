// Command fakeagent stands in for skyagent where tests need something that
// Terraform can start and stop, and no data plane. It keeps the contract of
// modules/local-gateway/scripts/start.sh: it reads --boot, listens, and reports
// on --ready-fd.
//
// A part of the gateway's name makes it misbehave: "dies" ends before it
// reports, "impostor" reports another process, "stubborn" ignores SIGTERM.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type boot struct {
	Run             string    `json:"run"`
	Name            string    `json:"name"`
	Listen          string    `json:"listen"`
	CACertificate   string    `json:"ca_certificate"`
	Token           string    `json:"token"`
	LifetimeSeconds int       `json:"lifetime_seconds"`
	NotAfter        time.Time `json:"not_after"`
	EnrollWithin    int       `json:"enroll_within_seconds"`
}

func main() {
	bootFile := flag.String("boot", "", "boot data")
	readyFD := flag.Uint("ready-fd", 0, "descriptor to report on")
	flag.Parse()
	ready := os.NewFile(uintptr(*readyFD), "ready")

	var b boot
	if err := read(*bootFile, &b); err != nil {
		fmt.Fprintln(ready, "error", err)
		os.Exit(1)
	}
	if strings.Contains(b.Name, "dies") {
		fmt.Fprintln(os.Stderr, "fakeagent: asked to die")
		os.Exit(3)
	}
	stop := make(chan os.Signal, 1)
	if strings.Contains(b.Name, "stubborn") {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(stop, syscall.SIGTERM)
	}
	listener, err := net.Listen("tcp", b.Listen)
	if err != nil {
		fmt.Fprintln(ready, "error", err)
		os.Exit(1)
	}
	defer listener.Close()

	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		fmt.Fprintln(ready, "error", err)
		os.Exit(1)
	}
	_, fields, _ := strings.Cut(string(stat), ") ")
	pid := os.Getpid()
	if strings.Contains(b.Name, "impostor") {
		pid = 1
	}
	fmt.Fprintln(ready, "ready", pid, strings.Fields(fields)[19])
	ready.Close()
	fmt.Printf("environment %q\n", os.Environ())

	// A test that fails before it destroys leaves nothing for long.
	select {
	case <-stop:
	case <-time.After(time.Duration(b.LifetimeSeconds) * time.Second):
	}
}

// read fills every field, so a key that the module forgets is an error.
func read(file string, b *boot) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, b); err != nil {
		return err
	}
	if b.Run == "" || b.Name == "" || b.CACertificate == "" || b.Token == "" ||
		b.LifetimeSeconds == 0 || b.NotAfter.IsZero() || b.EnrollWithin == 0 {
		return fmt.Errorf("incomplete boot data: %s", content)
	}
	return nil
}
