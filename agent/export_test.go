package agent

import "github.com/skyctl/skyctl/agent/objstore"

// UseBucket puts a bucket of a test's own in the place of the one that a
// configuration would open. The configurations that follow must have config
// under the name.
func (a *Agent) UseBucket(name string, config objstore.Config, b objstore.Bucket) {
	a.stores.mu.Lock()
	defer a.stores.mu.Unlock()
	if a.stores.config == nil {
		a.stores.config = map[string]objstore.Config{}
	}
	a.stores.config[name], a.stores.opened[name] = config, a.gauge.Store(name, b)
}
