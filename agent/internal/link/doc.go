// Package link is how agents reach each other: authenticated QUIC connections
// and, on them, one bidirectional stream a chunk.
//
// An Endpoint listens on one UDP port and keeps, for each peer it was told to
// dial, the planned number of connections open. Each connection has a UDP
// socket of its own: separate sockets are separate flows to the kernel and to
// a cloud's per-flow limits, and separate congestion windows are the remedy
// for loss. Connections that a peer dialed serve for streams in the other
// direction where the peer has no address (a workstation behind NAT).
//
// Nothing above this package knows QUIC, but for the control API, which gets
// the connections that ask for HTTP/3 on the same port.
package link
