//go:build !linux

package link

import (
	"net"
	"syscall"
)

// controlTCP leaves sockets as the system makes them.
func controlTCP(string, string, syscall.RawConn) error { return nil }

// measureTCP knows nothing of a path here.
func measureTCP(net.Conn) (Path, error) { return Path{}, nil }

func congestion(net.Listener) string { return "" }

// controlUDP leaves the socket as it is: one is all there can be of a port.
func controlUDP(string, string, syscall.RawConn) error { return nil }

func receiveBuffer(syscall.Conn) int { return socketBuffer }
