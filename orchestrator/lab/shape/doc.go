// Package shape decides what becomes of every packet of the lab's network: when
// it arrives, or that it does not.
//
// A packet passes up to four stages: the egress cap of the host that sends it,
// the rate of the link between the two regions, that link's loss and delay, and
// the ingress cap of the host that receives it. A stage with a rate is a virtual
// clock with a bounded queue: it knows when its last bit will have left, a packet
// waits until then, and one that would wait behind more than the queue holds is
// dropped. Loss strikes behind the queue, as on a long haul: a packet that is
// lost has used the link's time.
//
// Packets are IP packets as they would be on a wire, at most one MTU each, and
// are counted with their IP header. What the kernel hands over in one piece
// (GSO, up to 64 KB) was cut into such packets before it comes here, so rate,
// queue and loss know nothing of it.
//
// The package is pure: time is an argument, chance comes from a seed, nothing is
// read, written or started. A Network is not safe for concurrent use.
package shape
