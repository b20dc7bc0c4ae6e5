package link

import (
	"bytes"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestAPortHasASocketForEachProcessor: receive loops in parallel behind one
// number, of TCP and of UDP.
func TestAPortHasASocketForEachProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	var said bytes.Buffer
	p, err := OpenPort("127.0.0.1:0", slog.New(slog.NewTextHandler(&said, nil)))
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
