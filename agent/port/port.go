// Package port chooses ports for agents on this machine: an agent's number is
// one for TCP and UDP, and is chosen before the agent is started.
package port

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
)

// Ports are taken from below those that systems give to connections that dial
// (Linux: 32768 to 60999, others: 49152 and up): between the choice and the
// agent's start nobody then gets one by chance.
const (
	lowest     = 10000
	dialedFrom = 32768
)

// Those who choose at the same time have other process ids, near to each other,
// and each process begins at a place of its own: whoever chooses after a port was
// let go, and before its agent has started, does not choose the same.
const ofAProcess = 16

var chosen atomic.Int64 // so many were tried by this process

// Held is a port that nobody else can choose, until it is closed.
type Held struct {
	Number int
	tcp    net.Listener
	udp    net.PacketConn
}

// Hold opens a port at an IP address of this machine that is free for both TCP
// and UDP.
func Hold(address string) (*Held, error) {
	var err error
	for range 1000 {
		number := lowest + (ofAProcess*os.Getpid()+int(chosen.Add(1)))%(dialedFrom-lowest)
		at := net.JoinHostPort(address, strconv.Itoa(number))
		var tcp net.Listener
		if tcp, err = net.Listen("tcp", at); errors.Is(err, syscall.EADDRINUSE) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("no port at %s: %w", address, err)
		}
		var udp net.PacketConn
		if udp, err = net.ListenPacket("udp", at); err == nil {
			return &Held{Number: number, tcp: tcp, udp: udp}, nil
		}
		err = errors.Join(err, tcp.Close())
	}
	return nil, fmt.Errorf("no port at %s is free for TCP and UDP: %w", address, err)
}

// CloseTCP lets TCP's part go, for a server that wants no more. Until Close nobody
// else can choose the port.
func (h *Held) CloseTCP() error { return h.tcp.Close() }

// Close lets the port go, for the agent to take.
func (h *Held) Close() error {
	tcp := h.tcp.Close()
	if errors.Is(tcp, net.ErrClosed) { // by CloseTCP
		tcp = nil
	}
	return errors.Join(tcp, h.udp.Close())
}
