// Package lab is an Internet in a box: several regions on one Linux machine, with
// real kernels' TCP and UDP between them and an S3 server in each, over links whose
// round trip, rate, loss and queue are what a lab file says and may change at any
// moment. It is for demos, tests and honest comparisons.
//
// A lab that is up is one process, the switch, and a directory. The process holds
// the hosts (network namespaces with a TUN device each, package host), the network
// between them (packages shape and fabric) and the S3 servers, and has a lock on the
// directory as long as it lives. All of it dies with the process but the names of
// the namespaces; those and the directory are removed by Down, or by the next Up,
// which finds a directory without a holder of its lock.
//
// The operator is whoever is on the machine but in none of the regions: a route
// over a TUN device of its own leads from there to all of them.
//
// It needs root and Linux. Elsewhere every function says so.
package lab
