package fabric

import "golang.zx2c4.com/wireguard/tun"

// writer writes packets to devices, from buffers in which the library has the
// space to put packets of one stream together.
type writer struct {
	slab [batch][]byte
	bufs [][]byte
}

func newWriter() *writer {
	w := &writer{}
	for i := range w.slab {
		w.slab[i] = make([]byte, segment)
	}
	return w
}

// write writes all packets, each behind its room. What a device does not take is lost, as on a real
// network card: its host is going, or its memory is full.
func (w *writer) write(device tun.Device, packets [][]byte) {
	for len(packets) > 0 {
		n := min(len(packets), batch)
		w.bufs = w.bufs[:0]
		for i, p := range packets[:n] {
			w.bufs = append(w.bufs, w.slab[i][:copy(w.slab[i], p)])
		}
		_, _ = device.Write(w.bufs, room)
		packets = packets[n:]
	}
}
