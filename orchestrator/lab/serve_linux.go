package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/orchestrator/lab/fabric"
	"github.com/skyctl/skyctl/orchestrator/lab/host"
	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
	"github.com/skyctl/skyctl/orchestrator/lab/shape"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// ready is what the lab's process says when it works.
const ready = "ready"

// Serve is the lab's process: it makes the hosts, the network and the stores, and
// runs them until ctx ends or Down asks for it. Only Up starts it, for the
// descriptors it inherits.
func Serve(ctx context.Context, name string) error {
	// The stores must not inherit them: they would keep the lock.
	unix.CloseOnExec(readyFD)
	unix.CloseOnExec(lockFD)
	say := os.NewFile(readyFD, "ready")
	held := os.NewFile(lockFD, "lock") // closed by the end of the process only
	defer held.Close()
	err := serve(ctx, name, func() error {
		_, err := io.WriteString(say, ready)
		return errors.Join(err, say.Close())
	})
	if err != nil {
		// Ignored if it was ready before: then the log has it.
		_, _ = io.WriteString(say, err.Error())
	}
	return err
}

func serve(ctx context.Context, name string, works func() error) (err error) {
	l := &Lab{Dir: filepath.Join(root, name)}
	if err := rundir.ReadJSON(l.path(infoFile), &l.Info); err != nil {
		return err
	}
	file, err := labfile.Load(l.path(labFile))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &box{lab: l, cancel: cancel, places: map[string]shape.Region{}}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx, file); err != nil {
		return err
	}
	listener, err := net.Listen("unix", l.path(controlSocket))
	if err != nil {
		return err
	}
	web := &http.Server{Handler: handler(b)}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	if err = works(); err == nil {
		<-ctx.Done()
	}
	err = errors.Join(err, web.Shutdown(context.WithoutCancel(ctx)))
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// box holds all that a lab's process has made.
type box struct {
	lab    *Lab
	fabric *fabric.Fabric
	hosts  []*host.Host // in the order of the network's
	stores []*store
	places map[string]shape.Region // the operator is one too
	names  []string                // of places, by index
	cancel context.CancelFunc
}

// open makes the network, the hosts and the stores.
func (b *box) open(ctx context.Context, file *labfile.Lab) (err error) {
	network := shape.New(file.Seed)
	if err := b.layOut(network, file); err != nil {
		return err
	}
	if b.fabric, err = fabric.New(network); err != nil {
		return err
	}
	all := labfile.Network(b.lab.Block)
	for _, h := range b.lab.Hosts {
		opened, err := host.Open(h.Namespace, h.Address, all)
		if err != nil {
			return err
		}
		r := file.Regions[h.Region]
		caps := r.Caps()
		if h.Store {
			caps = shape.Caps{}
		}
		b.attach(opened, h, caps)
	}
	operator := labfile.Host{Region: labfile.Operator, Address: labfile.OperatorAddress(b.lab.Block)}
	opened, err := host.OpenHere(fmt.Sprintf("skyctl-lab%d", b.lab.Block), operator.Address, all)
	if err != nil {
		return err
	}
	b.attach(opened, operator, shape.Caps{})
	for i, h := range b.lab.Hosts {
		if !h.Store {
			continue
		}
		s, err := startStore(ctx, b.lab, h, file.Regions[h.Region].Closes, b.hosts[i])
		if err != nil {
			return err
		}
		b.stores = append(b.stores, s)
	}
	return nil
}

// layOut adds the places and their links to the network.
func (b *box) layOut(network *shape.Network, file *labfile.Lab) error {
	b.names = append(file.Names(), labfile.Operator)
	for _, n := range b.names {
		b.places[n] = network.AddRegion()
	}
	var errs []error
	set := func(from, to string, l shape.Link) {
		errs = append(errs, network.SetLink(b.places[from], b.places[to], l))
	}
	for _, n := range file.Names() {
		r := file.Regions[n]
		set(n, n, r.Shape())
		set(n, labfile.Operator, file.Operator.Shape())
		set(labfile.Operator, n, file.Operator.Shape())
	}
	for i := range file.Links {
		k := &file.Links[i]
		set(k.From, k.To, k.Shape())
		if !k.OneWay {
			set(k.To, k.From, k.Shape())
		}
	}
	return errors.Join(errs...)
}

func (b *box) attach(opened *host.Host, h labfile.Host, caps shape.Caps) {
	b.hosts = append(b.hosts, opened)
	var index shape.Host
	b.fabric.Do(func(n *shape.Network) { index = n.AddHost(b.places[h.Region], caps) })
	b.fabric.Attach(index, h.Address, opened.Device)
}

// close ends everything, the stores first.
func (b *box) close() error {
	var errs []error
	for _, s := range b.stores {
		s.stop()
	}
	if b.fabric != nil {
		errs = append(errs, b.fabric.Close())
	}
	for _, h := range b.hosts {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}

// end implements controller. The answer is on its way before the server stops.
func (b *box) end() { b.cancel() }
