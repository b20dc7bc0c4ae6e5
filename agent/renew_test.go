package agent

import (
	"maps"
	"testing"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// TestRenew gives an agent credentials that a real server refuses, then those
// that it takes. What was begun with the former is not disturbed.
func TestRenew(t *testing.T) {
	good := objstoretest.StartVersityGW(t).Config(t, "data")
	bad := good
	bad.Credentials = maps.Clone(good.Credentials)
	bad.Credentials["secret_access_key"] = "no longer valid"
	a, stop := configured(t)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	ctx := t.Context()
	if err := a.Configure(ctx, control.Config{Session: "t", Stores: map[string]objstore.Config{"x": bad}}); err != nil {
		t.Fatal(err)
	}
	begin := func() error {
		begun, err := a.Begin(ctx, control.BeginRequest{Store: "x", Key: "k", Size: 7})
		if err == nil {
			err = a.Abort(ctx, control.UploadRequest{Store: "x", Upload: begun.Upload})
		}
		return err
	}
	if err := begin(); objstore.KindOf(err) != objstore.KindPermission {
		t.Fatalf("with a wrong secret: %v", err)
	}
	before, err := a.stores.get("x")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Renew(ctx, map[string]objstore.Config{"x": good}); err != nil {
		t.Fatal(err)
	}
	if err := begin(); err != nil {
		t.Errorf("with the renewed secret: %v", err)
	}
	if _, err := before.Check(ctx); objstore.KindOf(err) != objstore.KindPermission {
		t.Errorf("a bucket that is in use was closed or changed: %v", err)
	}
	if err := a.Renew(ctx, map[string]objstore.Config{"y": good}); objstore.KindOf(err) != objstore.KindPermission {
		t.Errorf("a store that the agent was not given: %v", err)
	}
}
