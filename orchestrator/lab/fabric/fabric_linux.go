package fabric

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/tun"

	"github.com/skyctl/skyctl/orchestrator/lab/shape"
)

// tick is the least time between two wakes of the writer.
const tick = 100 * time.Microsecond

const (
	// room is left before each packet for the header that TUN devices put there.
	room = 16
	// batch is the number of packets that are read or written together, the most
	// that one segment can be cut into.
	batch = 128
	// segment is the largest that the kernel takes in one piece.
	segment = room + 1<<16
)

// Fabric is a running switch. Its methods may be called at any time.
type Fabric struct {
	start   time.Time
	timer   *timer
	buffers sync.Pool // *buffer
	wg      sync.WaitGroup

	mu    sync.Mutex
	net   *shape.Network
	ports []*port
	at    map[netip.Addr]shape.Host
	wake  time.Duration // when the timer goes; never: it is not set
	woke  time.Duration // when the writer last woke
	ended error         // why it does not work any more, after it ended by itself
	end   bool
}

const never = time.Duration(1<<63 - 1)

// buffer holds one packet, behind the room for a header.
type buffer = [room + shape.MTU]byte

// port is one host's device, and what is about to be written to it.
type port struct {
	device   tun.Device
	due      [][]byte // buffers from the pool
	received uint64   // bytes, of all packets that arrived
}

// New starts a switch over the network, which is the switch's from now on.
func New(net *shape.Network) (*Fabric, error) {
	t, err := newTimer()
	if err != nil {
		return nil, err
	}
	f := &Fabric{start: time.Now(), timer: t, net: net, at: map[netip.Addr]shape.Host{}, wake: never}
	f.buffers.New = func() any { return new(buffer) }
	f.wg.Go(func() { f.stopped(f.write()) })
	return f, nil
}

// Attach connects a host. Hosts are attached in the order in which they were
// added to the network. The device is closed by Close.
func (f *Fabric) Attach(h shape.Host, address netip.Addr, device tun.Device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for int(h) >= len(f.ports) {
		f.ports = append(f.ports, nil)
	}
	f.ports[h] = &port{device: device}
	f.at[address] = h
	f.wg.Go(func() { f.stopped(f.read(h, device)) })
}

// Do runs fn with the network, which is nobody else's meanwhile.
func (f *Fabric) Do(fn func(*shape.Network)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn(f.net)
}

// Received returns how many bytes have reached a host.
func (f *Fabric) Received(h shape.Host) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ports[h].received
}

// Close stops the switch, closes the devices and waits. It returns why the
// switch had stopped before, if it had.
func (f *Fabric) Close() error {
	f.mu.Lock()
	f.end = true
	errs := []error{f.timer.close()}
	for _, p := range f.ports {
		if p != nil {
			errs = append(errs, p.device.Close())
		}
	}
	f.mu.Unlock()
	f.wg.Wait()
	return errors.Join(append(errs, f.ended)...)
}

// stopped records that a goroutine ended with err. Which of them was first does
// not matter.
func (f *Fabric) stopped(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.end && f.ended == nil {
		f.ended = err
	}
}

func (f *Fabric) now() time.Duration { return time.Since(f.start) }

// read gives what a host sends to the network, until its device is closed.
func (f *Fabric) read(from shape.Host, device tun.Device) error {
	bufs, sizes := make([][]byte, batch), make([]int, batch)
	pooled := make([]*buffer, batch)
	for i := range bufs {
		pooled[i] = f.buffers.Get().(*buffer)
		bufs[i] = pooled[i][:]
	}
	for {
		n, err := device.Read(bufs, sizes, room)
		if errors.Is(err, os.ErrClosed) || errors.Is(err, io.EOF) {
			return err
		}
		if err != nil {
			continue // one segment that made no sense to the library; the host sends it again
		}
		f.mu.Lock()
		now := f.now()
		for i := range n {
			if f.send(now, from, bufs[i][:room+sizes[i]]) {
				pooled[i] = f.buffers.Get().(*buffer)
				bufs[i] = pooled[i][:]
			}
		}
		err = f.arm()
		f.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// send gives one packet to the network, and tells whether the network has its
// buffer now. The caller holds mu.
func (f *Fabric) send(now time.Duration, from shape.Host, buf []byte) bool {
	to, udp, ok := parse(buf[room:])
	if !ok {
		return false // such as the IPv6 announcements that every kernel makes
	}
	h, ok := f.at[to]
	if !ok {
		return false
	}
	f.net.Send(now, shape.Packet{From: from, To: h, UDP: udp, Size: len(buf) - room, Buffer: buf})
	return true
}

// parse reads the destination of an IPv4 packet and whether it is UDP.
func parse(p []byte) (to netip.Addr, udp, ok bool) {
	const header, protocol, destination = 20, 9, 16
	if len(p) < header || p[0]>>4 != 4 {
		return netip.Addr{}, false, false
	}
	return netip.AddrFrom4([4]byte(p[destination:])), p[protocol] == 17, true
}

// arm sets the timer to what happens next. The caller holds mu.
func (f *Fabric) arm() error {
	next, ok := f.net.Next()
	if !ok {
		return nil
	}
	next = max(next, f.woke+tick)
	if next >= f.wake {
		return nil
	}
	f.wake = next
	return f.timer.set(next - f.now())
}

// write delivers what is due, until the timer is closed.
func (f *Fabric) write() error {
	w := newWriter()
	for {
		if err := f.timer.wait(); err != nil {
			return fmt.Errorf("the timer stopped: %w", err)
		}
		f.mu.Lock()
		f.woke, f.wake = f.now(), never
		f.net.Advance(f.woke, func(p shape.Packet) {
			to := f.ports[p.To]
			to.due = append(to.due, p.Buffer)
			to.received += uint64(p.Size)
		})
		ports := f.ports
		err := f.arm()
		f.mu.Unlock()
		if err != nil {
			return err
		}
		for _, p := range ports {
			if p != nil && len(p.due) > 0 {
				w.write(p.device, p.due)
				for _, b := range p.due {
					f.buffers.Put((*buffer)(b[:cap(b)]))
				}
				p.due = p.due[:0]
			}
		}
	}
}
