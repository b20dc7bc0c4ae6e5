package setup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/s3"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/places"
)

// signedFor is how long a signed URL lasts: the longest that S3 signs. One that
// is signed with temporary credentials ends with them.
const signedFor = 7 * 24 * time.Hour

// architectures are as releases call them.
var architectures = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}

// StagedAgent is a skyagent that machines can fetch.
type StagedAgent struct {
	Architecture string
	URL          string // signed; whoever has it can read the object
	SHA256       string
	Until        time.Time // of the URL, if the credentials last as long
}

// StageAgent uploads the agent at a path, and those of a release beside it, below an
// S3 URL, and returns where machines fetch them.
func StageAgent(ctx context.Context, c *config.Config, env config.LookupEnv, path, url string) (staged []StagedAgent, err error) {
	l, err := c.Resolve(url, env)
	switch {
	case err != nil:
		return nil, &failure.UsageError{Err: err}
	case l.Config.Type != "s3":
		return nil, &failure.UsageError{Err: fmt.Errorf("%s is no S3 store, and only those have URLs that machines without credentials can fetch", url), Hint: "name an s3:// URL"}
	}
	found, err := agents(path)
	if err != nil {
		return nil, &failure.PreconditionError{Err: err, Hint: "build skyagent for Linux with make build, or set SKYCTL_AGENT to its path"}
	}
	b, _, err := places.OpenSource(ctx, l)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for _, architecture := range []string{"amd64", "arm64"} {
		data, ok := found[architecture]
		if !ok {
			continue
		}
		s, err := stage(ctx, b, l, architecture, data)
		if err != nil {
			return staged, places.Refused(err, l)
		}
		staged = append(staged, s)
	}
	return staged, nil
}

// agents are the contents of the agents for Linux here, by architecture.
func agents(path string) (map[string][]byte, error) {
	if path == "" {
		return nil, errors.New("skyagent was not found beside skyctl or on PATH")
	}
	dir := filepath.Dir(path)
	paths := []string{path, filepath.Join(dir, "skyagent-linux-amd64"), filepath.Join(dir, "skyagent-linux-arm64")}
	found := map[string][]byte{}
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if i > 0 && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, err := elf.NewFile(bytes.NewReader(data))
		switch {
		case err != nil && i == 0:
			continue // that of a Mac, for this workstation alone
		case err != nil:
			return nil, fmt.Errorf("%s is no program for Linux: %w", path, err)
		}
		if architecture, ok := architectures[f.Machine]; ok {
			found[architecture] = data
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no skyagent for Linux on amd64 or arm64 in %s", dir)
	}
	return found, nil
}

// stage uploads one agent under a name that has its digest, so that a newer one
// takes nothing from machines that fetch an older.
func stage(ctx context.Context, b objstore.Bucket, l config.Location, architecture string, data []byte) (StagedAgent, error) {
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	key := l.Key
	if key != "" && !strings.HasSuffix(key, "/") {
		key += "/"
	}
	key += fmt.Sprintf("skyagent-linux-%s-%s", architecture, sum[:12])
	body := objstore.Body{Size: int64(len(data)), Bytes: data, Digest: chunk.Sum(data)}
	if _, err := b.Put(ctx, key, body, objstore.Metadata{ContentType: "application/octet-stream"}); err != nil {
		return StagedAgent{}, err
	}
	until := time.Now().Add(signedFor)
	signed, err := s3.Presign(ctx, l.Config, key, signedFor)
	return StagedAgent{Architecture: architecture, URL: signed, SHA256: sum, Until: until}, err
}
