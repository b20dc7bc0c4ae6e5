package link

import (
	"bytes"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/skyctl/skyctl/agent/port"
)

// TestAPortHasASocketForEachProcessor: receive loops in parallel behind one
// number, of TCP and of UDP.
func TestAPortHasASocketForEachProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	free, err := port.Hold("127.0.0.1")
	if err == nil {
		err = free.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	p, err := OpenPort(net.JoinHostPort("127.0.0.1", strconv.Itoa(free.Number)), slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if len(p.Sockets) != 3 {
		t.Errorf("%d sockets for 3 processors", len(p.Sockets))
	}
	for _, s := range p.Sockets {
		if got, want := s.LocalAddr().(*net.UDPAddr).Port, p.Listener.Addr().(*net.TCPAddr).Port; got != want {
			t.Errorf("UDP port %d, TCP port %d", got, want)
		}
	}
	// Whether the kernel gives as much as is wanted depends on who asks.
	refused := receiveBuffer(p.Sockets[0].(syscall.Conn)) < socketBuffer
	if warned := strings.Contains(said.String(), "sysctl -w net.core.rmem_max"); warned != refused {
		t.Errorf("the kernel gave less: %v, and that was said: %v", refused, warned)
	}
}
