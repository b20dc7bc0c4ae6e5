package deploy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/engine"
	"github.com/skyctl/skyctl/terraform/render"
)

// RefusedError is a cloud that has no room for a plan, in all the zones that
// there are. Another plan may do.
type RefusedError struct {
	Refusals []Refusal
	Err      error // Terraform's
}

func (e *RefusedError) Error() string { return e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// Refusal is something that a cloud does not give.
type Refusal struct {
	Region  region.Region
	Gateway route.Gateway // empty: the region lacks something that all gateways need
	Machine string        // its type
	Zonal   bool          // another zone may have it
	Why     string        // in the cloud's words
}

func (r Refusal) String() string {
	what := string(r.Region)
	if r.Machine != "" {
		what = r.Machine + " in " + what
	}
	return what + ": " + r.Why
}

// scope is what a refusal is about.
type scope int

const (
	zonal scope = iota
	ofMachine
	ofRegion
)

// words are how the clouds say that they have no room, as their providers for
// Terraform pass it on. What is not here is no reason to try something else.
var words = []struct {
	said  *regexp.Regexp
	about scope
}{
	// Error codes of EC2, and what it says of a type that a zone does not have.
	{regexp.MustCompile(`InsufficientInstanceCapacity|not supported in your requested Availability Zone`), zonal},
	{regexp.MustCompile(`VcpuLimitExceeded|InstanceLimitExceeded|MaxSpotInstanceCountExceeded`), ofMachine},
	{regexp.MustCompile(`(Vpc|InternetGateway|Subnet|SecurityGroup|Address|RulesPerSecurityGroup|NetworkInterface)LimitExceeded|InsufficientFreeAddressesInSubnet`), ofRegion},

	// Compute Engine.
	{regexp.MustCompile(`ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources available to fulfill the request|[Mm]achine type .* does not exist in zone`), zonal},
	{regexp.MustCompile(`Quota '[A-Z0-9_]*CPUS[A-Z_]*' exceeded`), ofMachine},
	{regexp.MustCompile(`Quota '[A-Z0-9_]+' exceeded`), ofRegion},

	// Error codes of Azure Resource Manager. A machine that names no zone was
	// looked for in all of them.
	{regexp.MustCompile(`SkuNotAvailable|AllocationFailed|Overconstrained(Zonal)?AllocationRequest|exceeding (approved|quota limits of) .*[Cc]ore`), ofMachine},
	{regexp.MustCompile(`PublicIPCountLimitReached|PublicIpAddressCountLimitReached|(VirtualNetwork|NetworkSecurityGroup|NetworkInterface)CountLimitReached`), ofRegion},
}

// refusals reads what Terraform's errors say. It returns nothing if one of them
// is about something else: that would go wrong in another plan too.
func refusals(err error, l *layout.Layout) []Refusal {
	e, ok := errors.AsType[*engine.Error](err)
	if !ok {
		return nil
	}
	var all []Refusal
	for _, d := range e.Diagnostics {
		r, ok := refusal(d, l)
		if !ok {
			return nil
		}
		all = append(all, r)
	}
	return all
}

func refusal(d engine.Diagnostic, l *layout.Layout) (Refusal, bool) {
	text := d.Summary + " " + d.Detail
	for _, w := range words {
		if !w.said.MatchString(text) {
			continue
		}
		for _, g := range l.Gateways {
			at := render.Region{Name: string(g.Region), Slug: g.Region.Slug()}
			switch {
			case d.Address == render.GatewayAddress(at, string(g.Name)) && w.about != ofRegion:
				return Refusal{Region: g.Region, Gateway: g.Name, Machine: g.Machine, Zonal: w.about == zonal, Why: strings.TrimSpace(text)}, true
			case d.Address != render.GatewayAddress(at, string(g.Name)) && !strings.HasPrefix(d.Address, render.ModuleAddress(at)+"."):
			case w.about == ofRegion:
				return Refusal{Region: g.Region, Why: strings.TrimSpace(text)}, true
			}
		}
	}
	return Refusal{}, false
}

// elsewhere moves the gateways that were refused for their zone to the next one,
// and says so. It is false, and moves none, if for one of them there is none.
func (d *Deployment) elsewhere(refused []Refusal) (bool, error) {
	d.mu.Lock()
	next := map[route.Gateway]string{}
	for name, zone := range d.choices.Zones {
		next[name] = zone
	}
	d.mu.Unlock()
	var moved []string
	for _, r := range refused {
		to := ""
		if r.Zonal {
			to = after(next[r.Gateway], zonesOf(d.cfg, r.Region, r.Machine))
		}
		if to == "" {
			return false, nil
		}
		moved = append(moved, fmt.Sprintf("%s to %s", r.Gateway, to))
		next[r.Gateway] = to
	}
	d.say(fmt.Sprintf("%s; trying another zone: %s", refused[0], strings.Join(moved, ", ")))
	return true, d.choose(func(c *choices) { c.Zones = next })
}

// after is the zone that follows one of several, empty if none does.
func after(zone string, zones []string) string {
	for i, z := range zones {
		if z == zone && i+1 < len(zones) {
			return zones[i+1]
		}
	}
	return ""
}

func (d *Deployment) say(note string) {
	if d.cfg.Say != nil {
		d.cfg.Say(note)
	}
}
