package enroll

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
)

// Every proof is
//
//	HMAC-SHA256(token, label || 0x00 || exporter || SHA-256(payload))
//
// The label says who proves what, so that no proof can be played back in
// another's place. The exporter is a secret that only the two ends of this very
// TLS connection share (RFC 8446, 7.5), so that no proof works on another
// connection: someone in the middle has two connections with two exporters.
const (
	labelOrchestrator = "skyctl enroll v1 orchestrator" // payload: nothing
	labelAgent        = "skyctl enroll v1 agent"        // payload: the certificate request
	labelInstall      = "skyctl enroll v1 install"      // payload: the certificates, one behind the other
)

const (
	exporterLabel = "EXPORTER-skyctl-enroll-v1"
	exporterSize  = 32
)

// exporter returns the secret of a connection on which gateway enrolls. The
// gateway's URI is its context, so that the agent of another gateway or run
// arrives at another secret.
func exporter(state *tls.ConnectionState, gateway Peer) ([]byte, error) {
	secret, err := state.ExportKeyingMaterial(exporterLabel, []byte(gateway.String()), exporterSize)
	if err != nil {
		return nil, fmt.Errorf("export a secret of the TLS connection: %w", err)
	}
	return secret, nil
}

// prove returns the proof of the token's key for a payload in pieces.
func prove(key []byte, label string, exporter []byte, payload ...[]byte) []byte {
	digest := sha256.New()
	for _, p := range payload {
		digest.Write(p)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(label))
	mac.Write([]byte{0})
	mac.Write(exporter)
	mac.Write(digest.Sum(nil))
	return mac.Sum(nil)
}
