package httpstore

// deep is what the SDKs take of a stack, in bytes: some sixty calls within
// each other, one of them with a frame of several KiB.
const deep = 34 << 10

// Deepen grows the goroutine's stack for a request while little is on it. Grown
// within an SDK it is copied with all of the calls' frames, more than once, and
// the collector takes it back from goroutines that wait: a tenth of what a small
// object costs.
//
//go:noinline
func Deepen() {
	var frame [deep]byte
	touch(&frame)
}

//go:noinline
func touch(frame *[deep]byte) { frame[0] = 1 }
