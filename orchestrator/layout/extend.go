package layout

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/overlay"
)

// Extend lays out an overlay that l's has become in a run that goes on: with the
// same gateways and more that joined it, the same trees at other rates, and more
// trees of higher numbers. Chunks are under way and counted on the routes that
// there are, so these keep their numbers, and who is connected keeps the
// connections. What would make a gateway read or write that is there and does not
// is refused.
func (l *Layout) Extend(o *overlay.Overlay) (*Layout, error) {
	next, err := Build(o, l.Dests)
	if err != nil {
		return nil, err
	}
	there := len(l.Gateways)
	if there > len(next.Gateways) || !slices.Equal(l.Gateways, next.Gateways[:there]) {
		return nil, errors.New("the gateways that there are would be others")
	}
	joined := func(name route.Gateway) bool {
		return slices.ContainsFunc(next.Gateways[there:], func(g Gateway) bool { return g.Name == name })
	}
	if was, is := l.Readers(), slices.DeleteFunc(next.Readers(), joined); !slices.Equal(was, is) {
		return nil, fmt.Errorf("%v would read and not %v", is, was)
	}
	for d := range l.Dests {
		if was, is := l.Writers(route.Dest(d)), slices.DeleteFunc(next.Writers(route.Dest(d)), joined); !slices.Equal(was, is) {
			return nil, fmt.Errorf("%v would write destination %d and not %v", is, d, was)
		}
	}
	for reader, routes := range l.Routes {
		for i := range routes {
			if i >= len(next.Routes[reader]) || !reflect.DeepEqual(next.Routes[reader][i].Tree, routes[i].Tree) {
				return nil, fmt.Errorf("route %d of %s would be another", i, reader)
			}
		}
	}
	maps.Copy(next.pairs, l.pairs)
	return next, nil
}
