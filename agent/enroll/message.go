package enroll

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The paths of the protocol, all below Path.
const (
	Path        = "/v1/enroll"
	pathHello   = Path + "/hello"   // POST helloRequest, helloResponse
	pathInstall = Path + "/install" // POST installRequest, nothing
	pathState   = Path              // GET stateResponse, for the orchestrator's certificate only
)

// maxMessage is the size of any message of the protocol in bytes.
const maxMessage = 64 << 10

const maxChain = 4 // certificates

// helloRequest proves the token to the agent.
type helloRequest struct {
	MAC []byte `json:"mac"` // labelOrchestrator
}

// helloResponse answers with the agent's proof and its key.
type helloResponse struct {
	CSR []byte `json:"csr"` // PKCS #10, DER
	MAC []byte `json:"mac"` // labelAgent
}

// installRequest brings the certificate.
type installRequest struct {
	Chain [][]byte `json:"chain"` // DER, leaf first
	MAC   []byte   `json:"mac"`   // labelInstall
}

// stateResponse says who an enrolled agent is.
type stateResponse struct {
	Peer string `json:"peer"` // URI
}

func (r helloRequest) validate() error { return checkMAC(r.MAC) }

func (r helloResponse) validate() error {
	if len(r.CSR) == 0 {
		return errors.New("csr is missing")
	}
	return checkMAC(r.MAC)
}

func (r installRequest) validate() error {
	if len(r.Chain) == 0 || len(r.Chain) > maxChain {
		return fmt.Errorf("chain has %d certificates, not 1 to %d", len(r.Chain), maxChain)
	}
	return checkMAC(r.MAC)
}

func (r stateResponse) validate() error { return nil }

func checkMAC(mac []byte) error {
	if len(mac) != sha256.Size {
		return fmt.Errorf("mac has %d bytes, not %d", len(mac), sha256.Size)
	}
	return nil
}

// message is any of the above.
type message interface{ validate() error }

// decode reads exactly one message of at most maxMessage bytes.
func decode[M message](r io.Reader) (M, error) {
	var m M
	limited := &io.LimitedReader{R: r, N: maxMessage + 1}
	d := json.NewDecoder(limited)
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		if limited.N == 0 {
			return m, fmt.Errorf("message is larger than %d bytes", maxMessage)
		}
		return m, fmt.Errorf("message is not the expected JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return m, errors.New("something follows the message")
	}
	return m, m.validate()
}
