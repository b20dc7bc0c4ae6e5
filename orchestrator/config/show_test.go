package config

import (
	"reflect"
	"strings"
	"testing"
)

// What is shown is the configuration, but for what nobody is to see.
func TestShow(t *testing.T) {
	c := full(t)
	text, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"a: {b}", ": conn\n", ": key\n"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is in\n%s", secret, text)
		}
	}
	again, err := Parse(c.File, text, nothing)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, s := range c.Stores {
		for key := range s.Credentials {
			s.Credentials[key] = hidden
		}
	}
	c.Allow.Machines = nil // [] in the file, which says as little
	if !reflect.DeepEqual(again, c) {
		t.Errorf("got\n%+v\nwant\n%+v\nof\n%s", again, c, text)
	}
}
