package link

import (
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsent is what the kernel takes of a connection's data ahead of sending it:
// bytes. What is on its way has room beside it.
const unsent = 256 << 10

// holding is the congestion control that holds its rate through loss.
const holding = "bbr"

// controlTCP sets up a socket before it connects or listens: BBR where the
// kernel has it, an end to connections whose
// peer confirms nothing any more, and little in the kernel that was not sent: what
// a slow route has been given cannot be taken back, and how fast it takes bytes is
// to be how fast they go.
func controlTCP(_, _ string, raw syscall.RawConn) error {
	var set error
	err := raw.Control(func(fd uintptr) {
		err := unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, holding)
		if err != nil && !slices.Contains([]error{unix.ENOENT, unix.EPERM, unix.ENOPROTOOPT}, err) {
			set = err // other than that the kernel has none, or not for us
		}
		set = errors.Join(set, unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(idleTimeout/time.Millisecond)),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent))
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
	var name string
	var asked, named error
	if err := raw.Control(func(fd uintptr) {
		info, asked = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		name, named = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	}); err != nil || asked != nil || named != nil {
		return Path{}, errors.Join(err, asked, named)
	}
	return Path{RTT: time.Duration(info.Rtt) * time.Microsecond, Sent: int64(info.Segs_out), Lost: int64(info.Total_retrans),
		Holds: name == holding}, nil
}

// congestion names the congestion control of a listener's connections, "" if it
// cannot be told.
func congestion(ln net.Listener) (name string) {
	if sc, ok := ln.(syscall.Conn); ok {
		ask(sc, func(fd int) (err error) {
			name, err = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
			return err
		})
	}
	return name
}

// controlUDP sets up a socket that shares its port: as much buffer as the
// kernel gives, and more where the process may insist.
func controlUDP(_, _ string, raw syscall.RawConn) error {
	var set error
	err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		for insist, option := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, insist, socketBuffer) != nil {
				set = errors.Join(set, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, socketBuffer))
			}
		}
	})
	return errors.Join(err, set)
}

// receiveBuffer is what the kernel gave the socket in bytes, 0 if it cannot be
// told. Of what it reports half is for its own records.
func receiveBuffer(c syscall.Conn) (n int) {
	if c == nil {
		return 0
	}
	ask(c, func(fd int) (err error) {
		n, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	return n / 2
}

// ask runs a query of a socket whose answer is only told to people.
func ask(c syscall.Conn, query func(fd int) error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = query(int(fd)) })
}
