package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"

	"github.com/skyctl/skyctl/orchestrator/lab/shape"
)

// namespaces is where ip-netns and everybody else keep the names.
const namespaces = "/run/netns"

// device is the name of the TUN device in a namespace.
const device = "net0"

// sendQueue is how many packets may wait for the switch to read them. It is
// never to be the queue that fills.
const sendQueue = 10_000

// Host is one machine of the lab.
type Host struct {
	// Device takes and gives the host's packets.
	Device tun.Device

	calls chan func() // run on the host's thread
	done  chan struct{}
}

// Open makes a namespace with that name and a TUN device in it that has the
// address and leads to all of network. A namespace that has the name already is
// an error.
func Open(name string, address netip.Addr, network netip.Prefix) (*Host, error) {
	return open(func() (tun.Device, error) {
		if _, err := os.Stat(Path(name)); err == nil {
			return nil, fmt.Errorf("the network namespace %s exists already; remove it: ip netns del %s", name, name)
		}
		// This leaves the thread in the new namespace.
		ns, err := netns.NewNamed(name)
		if err != nil {
			return nil, fmt.Errorf("network namespace %s cannot be made: %w", name, err)
		}
		err = ns.Close() // the name keeps it
		var d tun.Device
		if err == nil {
			d, err = setUp(device, address, network)
		}
		if err != nil {
			return nil, errors.Join(err, Remove(name))
		}
		return d, nil
	})
}

// OpenHere makes a TUN device beside the machine's own network: the operator's.
func OpenHere(device string, address netip.Addr, network netip.Prefix) (*Host, error) {
	return open(func() (tun.Device, error) { return setUp(device, address, network) })
}

// open starts the host's thread and makes its device on it.
func open(enter func() (tun.Device, error)) (*Host, error) {
	h := &Host{calls: make(chan func()), done: make(chan struct{})}
	made := make(chan error)
	go func() {
		// Not unlocked: the thread ends with this goroutine.
		runtime.LockOSThread()
		defer close(h.done)
		var err error
		h.Device, err = enter()
		made <- err
		if err != nil {
			return
		}
		for call := range h.calls {
			call()
		}
	}()
	if err := <-made; err != nil {
		<-h.done
		return nil, err
	}
	return h, nil
}

// Do runs f on the host's thread. A process that f starts is on the host, and
// Pdeathsig reaches it when the host is closed.
func (h *Host) Do(f func() error) error {
	result := make(chan error)
	h.calls <- func() { result <- f() }
	return <-result
}

// Close removes the device and ends the thread. The namespace stays.
func (h *Host) Close() error {
	close(h.calls)
	<-h.done
	return h.Device.Close()
}

// Path is the file that names a namespace.
func Path(name string) string { return filepath.Join(namespaces, name) }

// Remove takes the name of a namespace away; what has no name and no process is
// gone. A name that is not there is none.
func Remove(name string) error {
	if _, err := os.Lstat(Path(name)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := netns.DeleteNamed(name); err != nil {
		return fmt.Errorf("network namespace %s cannot be removed: %w", name, err)
	}
	return nil
}

// setUp makes a TUN device in the thread's namespace, with its address, up, and
// with a route to the lab's network.
func setUp(name string, address netip.Addr, network netip.Prefix) (tun.Device, error) {
	d, err := newTUN(name)
	if err != nil {
		return nil, fmt.Errorf("TUN device %s cannot be made: %w", name, err)
	}
	if err := configure(name, address, network); err != nil {
		return nil, errors.Join(fmt.Errorf("TUN device %s cannot be set up: %w", name, err), d.Close())
	}
	return d, nil
}

// newTUN opens a TUN device that takes and gives segments of 64 KB (GSO): one
// system call for many packets. The library cuts them into packets and puts
// them together again.
func newTUN(name string) (tun.Device, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	d, _, err := tun.CreateUnmonitoredTUNFromFD(fd)
	return d, err
}

func configure(name string, address netip.Addr, network netip.Prefix) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return netlink.LinkSetUp(lo) },
		func() error { return netlink.LinkSetMTU(link, shape.MTU) },
		func() error { return netlink.LinkSetTxQLen(link, sendQueue) },
		func() error {
			return netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(address, address.BitLen()))})
		},
		func() error { return netlink.LinkSetUp(link) },
		func() error {
			return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(network),
				Src: address.AsSlice(), Scope: netlink.SCOPE_LINK})
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
