// Package enroll is how an agent and a run come to trust each other.
//
// A run has a certificate authority of its own, an [Authority], kept by the
// orchestrator. A gateway's private key is born on the gateway, inside an
// [Identity], and never leaves its memory. What Terraform hands the gateway at
// boot, a [Boot], holds no key: only the authority's certificate, a one-time
// token and the times after which the gateway ends itself.
//
// At first contact [Enroll] and [Handler] prove the token to each other over
// one TLS connection, bound to that connection by its exporter, and the
// authority signs the gateway's key. ENROLL.md has the messages, what each
// attacker can and cannot do, and why a crash at any point strands nobody.
//
// From then on every connection is TLS 1.3 with certificates on both sides.
// [Identity.ServerConfig], [Identity.ClientConfig] and [Authority.ClientConfig]
// accept a peer by its chain to the run's authority and by the one URI in its
// certificate:
//
//	skyctl://RUN/gateway/NAME
//	skyctl://RUN/orchestrator
//
// The chain alone is never enough: a client names the gateway it wants, and
// [PeerOf] tells a server whom it serves.
//
// Keys are ECDSA on P-256. Ed25519 would be a little smaller, but the gateways
// also answer curl, browsers and Prometheus, and the latter two meet P-256
// everywhere and Ed25519 certificates not at all; Go has assembly and FIPS 140
// approval for it. Session tickets are off: a resumed session would live on
// after a gateway's identity changed, and a run has so few connections that a
// full handshake for each costs nothing.
package enroll
