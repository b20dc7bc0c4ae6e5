package wire

import (
	"bytes"
	"testing"
)

// A data frame's body goes where it is placed, anything else into the buffer.
func TestReadPlaced(t *testing.T) {
	data := []byte{byte(TypeData), 0, 0, 3, 'a', 'b', 'c'}
	end := AppendEnd(nil, 7)
	stream := bytes.NewReader(append(append(bytes.Clone(data), data...), end...))
	buf, place := make([]byte, MaxFrame), make([]byte, 3)

	f, err := ReadPlaced(stream, buf, func(n int) []byte { return place[:n] })
	if err != nil || f.Type != TypeData || f.Raw != nil || &f.Body[0] != &place[0] || string(place) != "abc" {
		t.Errorf("placed: %+v, %v, %q", f, err, place)
	}
	f, err = ReadPlaced(stream, buf, func(int) []byte { return nil })
	if err != nil || !bytes.Equal(f.Raw, data) || &f.Raw[0] != &buf[0] || string(f.Body) != "abc" {
		t.Errorf("not placed: %+v, %v", f, err)
	}
	f, err = ReadPlaced(stream, buf, func(int) []byte {
		t.Error("an end was to be placed")
		return nil
	})
	if err != nil || f.Type != TypeEnd || !bytes.Equal(f.Raw, end) {
		t.Errorf("end: %+v, %v", f, err)
	}
}
