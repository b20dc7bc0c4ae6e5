package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab/host"
	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
)

// storeTimeout is how long a server may take until it answers.
const storeTimeout = time.Minute

// store is the S3 server of a region. It dies with the lab's process.
type store struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// startStore starts the server on its host and waits until it answers.
func startStore(ctx context.Context, l *Lab, at labfile.Host, closes bool, on *host.Host) (*store, error) {
	args := []string{"--port", at.Listen().String(), "--quiet"}
	if !closes {
		args = append(args, "--keep-alive")
	}
	cmd := exec.Command(l.Server, append(args, "posix", l.StoreDir(at.Region))...)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+l.Credentials.AccessKey, "ROOT_SECRET_KEY="+l.Credentials.SecretKey)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // the lab's log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := on.Do(cmd.Start); err != nil {
		return nil, fmt.Errorf("the store of %s cannot be started: %w", at.Region, err)
	}
	s := &store{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = cmd.Wait() // how a server ends that is killed says nothing
	}()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := eventually(ctx, func() (bool, error) {
		select {
		case <-s.done:
			return false, fmt.Errorf("its server ended")
		default:
		}
		return on.Do(func() error { return knock(ctx, at) }) == nil, nil
	})
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the store of %s does not answer: %w", at.Region, err)
	}
	return s, nil
}

// knock tells whether the server accepts connections. It is called on its host.
func knock(ctx context.Context, at labfile.Host) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.Listen().String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// stop kills the server; everything it has is on disk or is thrown away.
func (s *store) stop() {
	_ = s.cmd.Process.Kill() // fails only if it has ended
	<-s.done
}
