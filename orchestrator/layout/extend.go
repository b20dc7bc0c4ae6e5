package layout

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/overlay"
)

// Extend lays out an overlay that l's has become in a run that goes on: with the
// same regions and gateways, the same trees at other rates, and more trees of
// higher numbers. Chunks are under way and counted on the routes that there are,
// so these keep their numbers, and who is connected keeps the connections. What
// would make other gateways read or write than do is refused.
func (l *Layout) Extend(o *overlay.Overlay) (*Layout, error) {
	next, err := Build(o, l.Dests)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(l.Gateways, next.Gateways) {
		return nil, errors.New("the gateways would be others")
	}
	if !slices.Equal(l.Readers(), next.Readers()) {
		return nil, fmt.Errorf("%v would read and not %v", next.Readers(), l.Readers())
	}
	for d := range l.Dests {
		if was, is := l.Writers(route.Dest(d)), next.Writers(route.Dest(d)); !slices.Equal(was, is) {
			return nil, fmt.Errorf("%v would write destination %d and not %v", is, d, was)
		}
	}
	for reader, routes := range l.Routes {
		for i := range routes {
			if i >= len(next.Routes[reader]) || next.Routes[reader][i].Tree.String() != routes[i].Tree.String() {
				return nil, fmt.Errorf("route %d of %s would be another", i, reader)
			}
		}
	}
	maps.Copy(next.pairs, l.pairs)
	return next, nil
}
