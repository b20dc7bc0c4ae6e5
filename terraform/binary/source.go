package binary

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
)

// sources are the places to look in where no path is configured, in order.
func sources(opts Options) []source {
	s := []source{
		{"terraform on PATH", func(ctx context.Context) (Binary, error) { return onPath(ctx, "terraform") }},
		{"tofu on PATH", func(ctx context.Context) (Binary, error) { return onPath(ctx, "tofu") }},
	}
	if opts.CacheDir != "" {
		release := opts.release()
		s = append(s,
			source{"installed earlier", func(ctx context.Context) (Binary, error) { return installed(ctx, opts.CacheDir) }},
			source{"download", func(ctx context.Context) (Binary, error) { return install(ctx, release, opts.CacheDir) }},
		)
	}
	return s
}

// first asks the sources in order.
func first(ctx context.Context, sources []source) (Binary, error) {
	var answers []string
	for _, s := range sources {
		b, err := s.find(ctx)
		if err == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return Binary{}, ctx.Err()
		}
		answers = append(answers, s.name+": "+err.Error())
	}
	return Binary{}, fmt.Errorf("no usable Terraform (%s); install Terraform %s or OpenTofu, %s, or set terraform.path in the configuration",
		strings.Join(answers, "; "), Pin, Accepted)
}

func onPath(ctx context.Context, name string) (Binary, error) {
	path, err := exec.LookPath(name)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return Binary{}, errAbsent
	case err != nil:
		return Binary{}, err
	}
	return inspectAccepted(ctx, path)
}

// cached is where the pinned version is kept.
func cached(cacheDir string) string {
	return filepath.Join(cacheDir, "terraform@"+Pin, product.Terraform.BinaryName())
}

func installed(ctx context.Context, cacheDir string) (Binary, error) {
	path := cached(cacheDir)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return Binary{}, errAbsent
	}
	return inspectAccepted(ctx, path)
}

// release describes the download of the pin. Its client gives up at once where
// there is no network: hc-install's own retries for 15 s.
func (o Options) release() releases.ExactVersion {
	return releases.ExactVersion{
		Product:          product.Terraform,
		Version:          version.Must(version.NewVersion(Pin)),
		Timeout:          10 * time.Minute,
		ApiBaseURL:       o.apiBaseURL,
		ArmoredPublicKey: o.publicKey,
		HTTPClient: &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 10 * time.Second,
			IdleConnTimeout:       time.Second,
		}},
	}
}

// install downloads the pin, verifies its signature and moves it into the
// cache in one step, so that neither a crash nor another skyctl leaves half a
// binary there.
func install(ctx context.Context, release releases.ExactVersion, cacheDir string) (Binary, error) {
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return Binary{}, err
	}
	staging, err := os.MkdirTemp(cacheDir, ".terraform-*")
	if err != nil {
		return Binary{}, err
	}
	defer os.RemoveAll(staging)

	release.InstallDir = staging
	path, err := release.Install(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// hc-install v0.10 drops the error of a wrong checksum, unpacks nothing
		// and then misses the file.
		return Binary{}, errors.New("the archive has another checksum than its signed list says")
	case err != nil:
		return Binary{}, err
	}
	if _, err := inspectAccepted(ctx, path); err != nil {
		return Binary{}, err
	}
	target := cached(cacheDir)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return Binary{}, err
	}
	if err := os.Rename(path, target); err != nil {
		return Binary{}, err
	}
	return inspectAccepted(ctx, target)
}
