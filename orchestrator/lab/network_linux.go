package lab

import (
	"errors"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
	"github.com/skyctl/skyctl/orchestrator/lab/shape"
)

// set implements controller.
func (b *box) set(c Change) error {
	others := []string{c.To}
	if c.To == "" {
		others = b.names
	}
	for _, n := range append([]string{c.From}, others...) {
		if _, ok := b.places[n]; !ok {
			return fmt.Errorf("the lab %s has no region %q", b.lab.Name, n)
		}
	}
	if c.From == c.To {
		return fmt.Errorf("name two different regions, or one alone for all its links")
	}
	var errs []error
	b.fabric.Do(func(n *shape.Network) {
		for _, other := range others {
			if other == c.From {
				continue
			}
			from, to := b.places[c.From], b.places[other]
			errs = append(errs, change(n, from, to, c))
			if !c.OneWay {
				errs = append(errs, change(n, to, from, c))
			}
		}
	})
	return errors.Join(errs...)
}

// change changes one direction.
func change(n *shape.Network, from, to shape.Region, c Change) error {
	l, _ := n.Link(from, to)
	if c.Mbit != nil {
		l.Rate = labfile.Rate(*c.Mbit)
	}
	if c.RTT != nil {
		l.Delay = *c.RTT / 2
	}
	if c.Jitter != nil {
		l.Jitter = *c.Jitter
	}
	if c.Loss != nil {
		l.Loss = *c.Loss
	}
	if c.Burst != nil {
		l.Burst = *c.Burst
	}
	if c.Queue != nil {
		l.Queue = *c.Queue
	}
	if c.Down != nil {
		l.Down = *c.Down
	}
	if c.NoUDP != nil {
		l.NoUDP = *c.NoUDP
	}
	return n.SetLink(from, to, l)
}

// status implements controller.
func (b *box) status() Status {
	s := Status{Name: b.lab.Name, Links: []LinkStatus{}, Hosts: []HostStatus{}}
	b.fabric.Do(func(n *shape.Network) {
		for _, from := range b.names {
			for _, to := range b.names {
				if from == to {
					continue
				}
				l, k := n.Link(b.places[from], b.places[to])
				s.Links = append(s.Links, LinkStatus{
					From: from, To: to, Mbit: float64(l.Rate) / 1e6, RTTMs: ms(2 * l.Delay), JitterMs: ms(l.Jitter),
					Loss: l.Loss, Burst: l.Burst, Down: l.Down, NoUDP: l.NoUDP,
					Bytes: k.Bytes, Packets: k.Packets, Lost: k.Lost, Dropped: k.Dropped, Blocked: k.Blocked,
				})
			}
		}
	})
	hosts := append(b.lab.Hosts[:len(b.lab.Hosts):len(b.lab.Hosts)],
		labfile.Host{Region: labfile.Operator, Address: labfile.OperatorAddress(b.lab.Block)})
	for i, h := range hosts {
		s.Hosts = append(s.Hosts, HostStatus{Region: h.Region, Namespace: h.Namespace, Address: h.Address, Store: h.Store,
			Received: b.fabric.Received(shape.Host(i))})
	}
	return s
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
