package azblob

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/skyctl/skyctl/agent/objstore"
)

var errNoUpload = &objstore.Error{Kind: objstore.KindNotFound, Err: errors.New("the upload does not exist, or no longer")}

// upload is what Begin leaves to Commit. Azure keeps nothing of the kind, so
// it is all in the upload's ID.
type upload struct {
	Nonce    nonce             `json:"nonce"`
	Previous objstore.Version  `json:"previous,omitempty"` // that Commit replaces; empty: there was no blob
	Metadata objstore.Metadata `json:"metadata"`
}

// runTag starts the nonces of a run's uploads, so that Uploads lists no others.
type runTag [5]byte

// tagOf is that of the run; runs without a name share one.
func tagOf(run string) (tag runTag) {
	sum := sha256.Sum256([]byte(run))
	copy(tag[:], sum[:])
	return tag
}

func newUpload(run runTag, previous objstore.Version, meta objstore.Metadata) upload {
	u := upload{Previous: previous, Metadata: meta}
	copy(u.Nonce[:], run[:])
	_, _ = rand.Read(u.Nonce[len(run):]) // never fails
	return u
}

// id is the JSON of u in base64, one opaque word.
func (u upload) id() (string, error) {
	var raw bytes.Buffer
	text := json.NewEncoder(&raw)
	text.SetEscapeHTML(false) // it is long enough
	err := text.Encode(u)
	return base64.RawURLEncoding.EncodeToString(raw.Bytes()), err
}

// parseUpload reads what id made; what it did not make is no upload of ours.
func parseUpload(id string) (u upload, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err == nil {
		err = json.Unmarshal(raw, &u)
	}
	if err != nil || u.Nonce == (nonce{}) {
		return upload{}, errNoUpload
	}
	return u, nil
}
