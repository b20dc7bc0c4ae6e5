// Package port chooses ports for agents on this machine: an agent's number is
// one for TCP and UDP, and is chosen before the agent is started.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Ports are taken from below those that systems give to connections that dial
// (Linux: 32768 to 60999, others: 49152 and up): between the choice and the
// agent's start nobody then gets one by chance.
const (
	lowest     = 10000
	dialedFrom = 32768
)

// Held is a port that nobody else can choose, until it is closed.
type Held struct {
	Number int
	tcp    net.Listener
	udp    net.PacketConn
}

// Hold opens a port at an IP address of this machine that is free for both TCP
// and UDP. It tries some at random, so that what is chosen at the same time
// elsewhere differs.
func Hold(address string) (*Held, error) {
	var err error
	for range 50 {
		number := lowest + rand.IntN(dialedFrom-lowest)
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

// Close lets the port go, for the agent to take.
func (h *Held) Close() error { return errors.Join(h.tcp.Close(), h.udp.Close()) }
