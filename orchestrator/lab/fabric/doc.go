// Package fabric is the lab's switch: it takes packets from the hosts' devices,
// asks package shape what becomes of them, and gives them to the devices of the
// hosts they are for when they are due.
//
// One goroutine a device reads. One goroutine writes: it sleeps until the next
// packet is due, on a timerfd, because Go's own timers are a millisecond off.
// It wakes at most once in a tick: what comes due within one is written
// together, so that the kernel gets the packets of a fast stream as few large
// segments. That makes a packet late by up to a tick; rates and queues are
// computed from the times that were due, so no error adds up.
package fabric
