package link

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTheKernelHoldsLittleThatIsNotSent: megabytes in a socket's buffer are
// seconds on a slow link, in which its pace looks like what it was before.
func TestTheKernelHoldsLittleThatIsNotSent(t *testing.T) {
	ln, err := listenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed, err := dialTCP(t.Context(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	for name, c := range map[string]net.Conn{"dialed": dialed, "accepted": accepted} {
		got := 0
		ask(c.(syscall.Conn), func(fd int) (err error) {
			got, err = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
			return err
		})
		if got != unsent {
			t.Errorf("%s: the kernel takes %d bytes ahead, want %d", name, got, unsent)
		}
	}
}
