package port

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestHeld(t *testing.T) {
	h, err := Hold("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(h.Number))
	if _, err := net.Listen("tcp", at); err == nil {
		t.Error("it is free for TCP while it is held")
	}
	if _, err := net.ListenPacket("udp", at); err == nil {
		t.Error("it is free for UDP while it is held")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if h, err := net.Listen("tcp", at); err != nil {
		t.Error(err)
	} else {
		h.Close()
	}
}

// A server that has TCP's part is nobody else's choice.
func TestCloseTCP(t *testing.T) {
	h, err := Hold("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.CloseTCP(); err != nil {
		t.Fatal(err)
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(h.Number))
	server, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := net.ListenPacket("udp", at); err == nil {
		t.Error("it is free for UDP, and so others may choose it")
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

// What is let go is not chosen again while its agent may not have started yet.
func TestChosenOnce(t *testing.T) {
	seen := map[int]bool{}
	for range 100 {
		h, err := Hold("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if seen[h.Number] {
			t.Errorf("%d is chosen twice", h.Number)
		}
		seen[h.Number] = true
	}
}

// A connection that dials must not get the port of an agent that is about to start.
func TestNoneThatTheKernelGivesAway(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if os.IsNotExist(err) {
		return // not Linux; there they begin at 49152
	}
	from, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		t.Fatal(err)
	}
	if dialedFrom > from {
		t.Errorf("ports from %d on are chosen, the kernel gives them away from %d on", dialedFrom, from)
	}
}

func TestNoSuchAddress(t *testing.T) {
	if h, err := Hold("192.0.2.1"); err == nil {
		h.Close()
		t.Fatal("a port at another machine's address")
	} else if !strings.Contains(err.Error(), "192.0.2.1") {
		t.Error(err)
	}
}
