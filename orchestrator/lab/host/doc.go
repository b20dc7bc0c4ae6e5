// Package host makes the machines of the lab: network namespaces, each with a
// real kernel's TCP and UDP and one TUN device, and the operator's TUN device
// beside the machine's own network.
//
// A namespace belongs to an OS thread that entered it and is never given back to
// Go's scheduler: what is started on that thread is in the namespace, and dies
// with the process that has the thread, however that ends.
//
// TUN devices vanish with their descriptor. Names of namespaces stay (they are
// files in /run/netns) until Remove.
package host
