package deploy

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/skyctl/skyctl/agent/route"
)

// keepLogs copies what local agents wrote into the run's logs, before they and
// their directories go.
func (d *Deployment) keepLogs() error {
	var errs []error
	for _, g := range d.cfg.Layout.Gateways {
		err := copyFile(filepath.Join(d.cfg.Run.Logs(), string(g.Name)+".log"), d.agentLog(g.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (d *Deployment) agentLog(name route.Gateway) string {
	return filepath.Join(d.cfg.Run.Terraform(), "gateways", string(name), "agent.log")
}

func copyFile(to, from string) (err error) {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	_, err = io.Copy(w, r)
	return err
}
