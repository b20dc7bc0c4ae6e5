package orchestrator

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
)

// reached is an account of AWS that the credentials reach.
type reached struct {
	account.Account
	want, id string
	down     error
}

func (r *reached) Identify(context.Context) (account.Identity, error) {
	if r.down != nil {
		return account.Identity{}, r.down
	}
	if r.want != r.id {
		return account.Identity{}, &account.MismatchError{Cloud: region.AWS, Want: r.want, Got: r.id, Key: "clouds.aws.account_id"}
	}
	return account.Identity{Account: r.id}, nil
}

func TestPin(t *testing.T) {
	down := errors.New("STS is down")
	var (
		mismatch *account.MismatchError
		stale    *StaleError
		refused  *PreconditionError
	)
	for _, test := range []struct {
		what               string
		planned, named, is string
		down               error
		plan, apply        any // target of errors.As, nil: it goes on
		destroy            bool
	}{
		{"the same", "1", "1", "1", nil, nil, nil, true},
		{"another profile's credentials", "1", "1", "2", nil, &mismatch, &mismatch, false},
		{"another account in the configuration", "1", "2", "1", nil, &mismatch, &stale, true},
		{"another account altogether", "1", "2", "2", nil, nil, &stale, false},
		{"an outage keeps nobody's machines", "1", "1", "1", down, &refused, &refused, true},
	} {
		t.Run(test.what, func(t *testing.T) {
			o := &Orchestrator{Config: config.Default()}
			o.Config.Clouds.AWS.AccountID = test.named
			o.Account = func(_ context.Context, clouds config.Clouds, cloud region.Cloud) (account.Account, error) {
				if cloud != region.AWS {
					t.Errorf("asked for %s", cloud)
				}
				return &reached{want: clouds.AWS.AccountID, id: test.is, down: test.down}, nil
			}
			is := func(step string, err error, target any) {
				t.Helper()
				if target == nil && err != nil || target != nil && (err == nil || !errors.As(err, target)) {
					t.Errorf("%s: got %v", step, err)
				}
			}
			l := &layout.Layout{Gateways: []layout.Gateway{{Name: "a", Region: "aws:us-east-1"}, {Name: "b", Region: "local:east"}}}
			pinned, err := o.pin(t.Context(), l)
			is("plan", err, test.plan)
			if len(pinned) != 1 || pinned[region.AWS] != test.named {
				t.Errorf("pinned %v", pinned)
			}
			a := &attempt{o: o, run: &rundir.Run{ID: "261122-g3kd4f9q"}, saved: &saved{Accounts: map[region.Cloud]string{region.AWS: test.planned}}}
			is("apply", a.pinned(t.Context()), test.apply)
			if err := a.mismatched(t.Context()); (err == nil) != test.destroy {
				t.Errorf("destroy: got %v", err)
			}
		})
	}
}

// TestARunOfOwnRegionsAsksNoCloud also where accounts are configured.
func TestARunOfOwnRegionsAsksNoCloud(t *testing.T) {
	o := &Orchestrator{Config: config.Default(), Account: func(context.Context, config.Clouds, region.Cloud) (account.Account, error) {
		t.Error("a cloud was asked")
		return nil, errors.ErrUnsupported
	}}
	o.Config.Clouds.AWS.AccountID = "1"
	pinned, err := o.pin(t.Context(), &layout.Layout{Gateways: []layout.Gateway{{Region: "local:east"}, {Region: "ssh:rack1"}}})
	if err != nil || len(pinned) > 0 {
		t.Errorf("got %v, %v", pinned, err)
	}
}

func TestLeftoversNeedANamedAccount(t *testing.T) {
	o := &Orchestrator{Config: config.Default()}
	for _, req := range []CollectRequest{{}, {Clouds: []region.Cloud{region.GCP}}} {
		var wrong *UsageError
		if _, err := o.Leftovers(t.Context(), req); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "names no account") {
			t.Errorf("%+v: got %v", req, err)
		}
	}
}
