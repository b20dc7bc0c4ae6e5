package enroll

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of an authority, all mode 0600 in a directory of mode 0700.
const (
	certFile   = "ca.pem"
	keyFile    = "ca-key.pem"
	claimsFile = "claims.json" // digests only
)

const pemKey = "PRIVATE KEY"

// Save writes the authority into dir, which is created if need be, and keeps
// it up to date there from then on.
func (a *Authority) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save authority: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("save authority: %w", err)
	}
	// The key goes first: a certificate without its key would look like an
	// authority and could sign nothing.
	if err := writeFile(filepath.Join(dir, keyFile), pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})); err != nil {
		return fmt.Errorf("save authority: %w", err)
	}
	if err := writeFile(filepath.Join(dir, certFile), []byte(a.CertificatePEM())); err != nil {
		return fmt.Errorf("save authority: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dir = dir
	return a.saveClaims()
}

// LoadAuthority reads what Save wrote. An error that wraps fs.ErrNotExist
// means that no authority was saved in dir.
func LoadAuthority(dir string) (*Authority, error) {
	a, err := loadAuthority(dir)
	if err != nil {
		return nil, fmt.Errorf("load authority from %s: %w", dir, err)
	}
	return a, nil
}

func loadAuthority(dir string) (*Authority, error) {
	text, err := os.ReadFile(filepath.Join(dir, certFile))
	if err != nil {
		return nil, err
	}
	cert, err := parseCA(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", certFile, err)
	}
	key, err := readKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%s and %s do not belong together", certFile, keyFile)
	}
	a, err := newAuthority(cert, key)
	if err != nil {
		return nil, err
	}
	switch raw, err := os.ReadFile(filepath.Join(dir, claimsFile)); {
	case errors.Is(err, fs.ErrNotExist): // the crash came before Save's last step: nothing was signed
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(raw, &a.claims); err != nil {
			return nil, fmt.Errorf("%s: %w", claimsFile, err)
		}
		if a.claims == nil {
			return nil, fmt.Errorf("%s is not a JSON object", claimsFile)
		}
	}
	a.dir = dir
	return a, nil
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemKey {
		return nil, fmt.Errorf("%s is not a private key in PEM", keyFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is not an ECDSA key", keyFile)
	}
	return key, nil
}

// saveClaims writes the claims if the authority is saved anywhere. The caller
// holds mu.
func (a *Authority) saveClaims() error {
	if a.dir == "" {
		return nil
	}
	raw, err := json.MarshalIndent(a.claims, "", "  ")
	if err != nil {
		return fmt.Errorf("save authority: %w", err)
	}
	if err := writeFile(filepath.Join(a.dir, claimsFile), raw); err != nil {
		return fmt.Errorf("save authority: %w", err)
	}
	return nil
}

// writeFile replaces the file at path durably, all at once, with mode 0600.
func writeFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // has mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
