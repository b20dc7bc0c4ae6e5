//go:build !linux

package lab

import (
	"context"
	"errors"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

var errUnsupported = errors.New("a lab needs Linux: it is made of network namespaces and TUN devices")

// Supported tells why there can be no lab here.
func Supported() error { return errUnsupported }

// Up makes a lab; not here.
func Up(context.Context, *labfile.Lab, []string) (*Lab, error) { return nil, errUnsupported }

// Serve is a lab's process; not here.
func Serve(context.Context, string) error { return errUnsupported }

// Down ends a lab; not here.
func (l *Lab) Down(context.Context) error { return errUnsupported }

// Exec becomes a command in a lab; not here.
func (l *Lab) Exec(string, []string) error { return errUnsupported }
