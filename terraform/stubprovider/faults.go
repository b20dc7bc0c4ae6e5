package stubprovider

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// FaultsVariable is the environment variable that names a file of faults: a
// JSON list, read anew at each call.
const FaultsVariable = "STUBPROVIDER_FAULTS"

// Fault makes calls go wrong. Empty fields match everything.
type Fault struct {
	On     string `json:"on"`     // create, read, update, delete or data
	Type   string `json:"type"`   // "aws_instance"
	Region string `json:"region"` // as the resource has it, also of its zone

	DelaySeconds float64 `json:"delay_seconds"`
	Error        string  `json:"error"`   // the call fails and says so
	Missing      bool    `json:"missing"` // a read finds nothing, as behind another account
}

// faults returns what matches a call about the value.
func faults(on, resource string, value cty.Value) ([]Fault, error) {
	path := os.Getenv(FaultsVariable)
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all, matching []Fault
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	at := regionOf(value)
	for _, f := range all {
		if (f.On == "" || f.On == on) && (f.Type == "" || f.Type == resource) && (f.Region == "" || strings.HasPrefix(at, f.Region)) {
			matching = append(matching, f)
		}
	}
	return matching, nil
}

// meet lets the call meet its faults.
func (s *server) meet(ctx context.Context, on, resource string, value cty.Value) (missing bool, err error) {
	matching, err := faults(on, resource, value)
	if err != nil {
		return false, err
	}
	for _, f := range matching {
		select {
		case <-time.After(time.Duration(f.DelaySeconds * float64(time.Second))):
		case <-s.stopped:
			return false, fmt.Errorf("%s of %s was interrupted", on, resource)
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if f.Error != "" {
			return false, fmt.Errorf("%s of %s: %s", on, resource, f.Error)
		}
		missing = missing || f.Missing
	}
	return missing, nil
}

// regionOf is where a resource is, empty if it does not say.
func regionOf(value cty.Value) string {
	if value.IsNull() {
		return ""
	}
	for _, name := range []string{"region", "location", "zone"} {
		if value.Type().HasAttribute(name) {
			if v := value.GetAttr(name); v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
				return v.AsString()
			}
		}
	}
	return ""
}
