package link

import (
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// controlTCP sets up a socket before it connects or listens: BBR, which holds
// its rate through loss, where the kernel has it, and an end to connections
// whose peer confirms nothing any more.
func controlTCP(_, _ string, raw syscall.RawConn) error {
	var set error
	err := raw.Control(func(fd uintptr) {
		err := unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "bbr")
		if err != nil && !slices.Contains([]error{unix.ENOENT, unix.EPERM, unix.ENOPROTOOPT}, err) {
			set = err // other than that the kernel has none, or not for us
		}
		set = errors.Join(set, unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(idleTimeout/time.Millisecond)))
	})
	return errors.Join(err, set)
}

// measureTCP asks the kernel what it knows of a connection's path.
func measureTCP(c net.Conn) (Path, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return Path{}, nil // a simulated one
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return Path{}, err
	}
	var info *unix.TCPInfo
	var asked error
	if err := errors.Join(raw.Control(func(fd uintptr) {
		info, asked = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}), asked); err != nil {
		return Path{}, err
	}
	return Path{RTT: time.Duration(info.Rtt) * time.Microsecond, Sent: int64(info.Segs_out), Lost: int64(info.Total_retrans)}, nil
}

// Congestion names what a TCP socket's congestion control is here, "" if it
// cannot be told.
func congestion(c syscall.Conn) string {
	raw, err := c.SyscallConn()
	if err != nil {
		return ""
	}
	name := ""
	if err := raw.Control(func(fd uintptr) {
		name, err = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	}); err != nil {
		return ""
	}
	return strings.TrimRight(name, "\x00")
}
