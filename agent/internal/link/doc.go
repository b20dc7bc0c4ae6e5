// Package link is how agents reach each other: authenticated connections over
// one of two transports and, on them, one bidirectional stream a chunk.
//
// An Endpoint listens on one UDP and one TCP port and keeps, for each peer it
// was told to dial, the planned number of connections open. Separate
// connections are separate flows to the kernel and to a cloud's per-flow
// limits, and separate congestion windows are the remedy for loss. Connections
// that a peer dialed serve for streams in the other direction where the peer
// has no address (a workstation behind NAT).
//
// Over QUIC each connection has a UDP socket of its own, each chunk a stream,
// and chunks share a connection. Over TLS a connection carries one payload at
// a time, and the answers to earlier ones meanwhile; whoever finds all of them
// busy waits for its turn. TLS is for where UDP is blocked and where processor
// time is short: sending costs it a fraction of what it costs QUIC.
//
// Nothing above this package knows the transports, but for the control API,
// which gets the connections that ask for HTTP on the same ports.
package link
