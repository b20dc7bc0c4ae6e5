package source

import (
	"cmp"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// exhausted is the writer whose credit does not suffice for the chunk; of
// several the one where most is outstanding.
func (x *routes) exhausted(a *control.Assignment) (writer route.Gateway) {
	for name, spent := range x.spent {
		if spent+charge(a) <= x.credit[name] {
			continue
		}
		if most := x.spent[writer]; spent > most || spent == most && cmp.Less(name, writer) {
			writer = name
		}
	}
	return writer
}

func (s *Source) starved(writer route.Gateway) {
	if s.cfg.Starved != nil {
		s.cfg.Starved(writer)
	}
}
