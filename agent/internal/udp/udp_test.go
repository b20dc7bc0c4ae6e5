package udp

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/enroll"
)

func TestTheKernelSaysWhenNobodyListens(t *testing.T) {
	there, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Dial(t.Context(), there.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := there.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteTo([]byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadFrom(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("reading fails with %v", err)
	}
}

// TestQUICKeepsItsOffload: it costs nothing that the socket is not the plain one.
func TestQUICKeepsItsOffload(t *testing.T) {
	a, err := enroll.NewAuthority("r", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.NewIdentity("g")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := quic.ListenAddr("127.0.0.1:0", id.ServerConfig("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	offload := func(socket net.PacketConn) bool {
		tr := &quic.Transport{Conn: socket}
		defer socket.Close()
		defer tr.Close()
		conn, err := tr.Dial(t.Context(), ln.Addr(), id.ClientConfig("g", "x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return conn.ConnectionState().GSO
	}
	plain, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	connected, err := Dial(t.Context(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if without, with := offload(plain), offload(connected); without != with {
		t.Errorf("segmentation offload: %v without a connected socket, %v with one", without, with)
	}
}
