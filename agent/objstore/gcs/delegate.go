package gcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials/downscope"

	"github.com/skyctl/skyctl/agent/objstore"
)

// Delegate returns cfg with an access token of the credentials that are found
// here, so that an agent which has none can open the bucket until cfg.Expires,
// within the hour. The token is limited to reading the objects of scope, or to
// writing them too, by a credential access boundary. Only buckets with uniform
// bucket-level access know those: for one that refuses such a token, and for an
// endpoint that is not Google's, it is the credentials' own token, and whole
// says why. A token that somebody gave goes along as it is, for nobody says when
// it ends.
func Delegate(ctx context.Context, cfg objstore.Config, scope objstore.Scope) (_ objstore.Config, whole string, err error) {
	return delegate(ctx, cfg, scope, nil, usable)
}

// delegate asks sts, nil for the default, for a limited token, and usable
// whether the bucket takes it.
func delegate(ctx context.Context, cfg objstore.Config, scope objstore.Scope, sts *http.Client, usable func(context.Context, objstore.Config, objstore.Scope) error) (_ objstore.Config, whole string, err error) {
	cfg.Endpoint = cmp.Or(cfg.Endpoint, emulator())
	fail := func(err error) (objstore.Config, string, error) {
		return cfg, "", (&bucket{name: cfg.Bucket}).fail("delegate", "", err)
	}
	cfg.Credentials = maps.Clone(cfg.Credentials)
	if path := cfg.Credentials[keyFile]; path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return fail(noCredentials(fmt.Errorf("%s: %w", keyFile, err)))
		}
		delete(cfg.Credentials, keyFile)
		cfg.Credentials[keyJSON] = string(content)
	}
	find, err := credentialsOf(cfg)
	if err != nil {
		return cfg, "", (&bucket{name: cfg.Bucket}).failKind("delegate", "", objstore.KindInvalid, err)
	}
	c, err := find()
	if err != nil {
		return fail(noCredentials(err))
	}
	if c == nil || cfg.Credentials[keyToken] != "" {
		return cfg, "", nil
	}
	own, err := withToken(ctx, cfg, c)
	switch {
	case err != nil:
		return fail(err)
	case !google(cfg.Endpoint):
		return own, "the endpoint is not Google's, which alone limits a token to a bucket", nil
	}
	limited, err := limit(ctx, cfg, scope, c, sts)
	if err == nil {
		err = usable(ctx, limited, scope)
	}
	switch {
	case err == nil:
		return limited, "", nil
	case kindOf(err) == objstore.KindPermission, kindOf(err) == objstore.KindExpired: // the token is new
		return own, "the bucket takes no token that is limited to it, for which it needs uniform bucket-level access", nil
	}
	return fail(err)
}

// limit returns cfg with a token for the objects of scope alone.
func limit(ctx context.Context, cfg objstore.Config, scope objstore.Scope, c *auth.Credentials, sts *http.Client) (objstore.Config, error) {
	role := "roles/storage.objectViewer"
	if scope.Write {
		role = "roles/storage.objectUser"
	}
	rule := downscope.AccessBoundaryRule{
		AvailableResource:    "//storage.googleapis.com/projects/_/buckets/" + cfg.Bucket,
		AvailablePermissions: []string{"inRole:" + role},
	}
	if expression := condition(cfg, scope); expression != "" {
		rule.Condition = &downscope.AvailabilityCondition{Title: "the keys of the transfer", Expression: expression}
	}
	limited, err := downscope.NewCredentials(&downscope.Options{Credentials: c, Client: sts, Rules: []downscope.AccessBoundaryRule{rule}})
	if err != nil {
		return cfg, err
	}
	return withToken(ctx, cfg, limited)
}

// maxLiteral bounds a prefix in a condition, in bytes: it stands there twice, and
// an expression has at most 2,048. Of a longer one a part is prefix enough.
const maxLiteral = 512

// condition is what an object must satisfy to be of scope, empty if any does. A
// listing has no object: its prefix must satisfy it. Whoever writes needs the
// run's temporary objects, too.
func condition(cfg objstore.Config, scope objstore.Scope) string {
	if scope.Prefix == "" {
		return ""
	}
	prefix, exact := scope.Prefix, scope.Exact
	if len(prefix) > maxLiteral {
		prefix, exact = strings.ToValidUTF8(prefix[:maxLiteral], ""), false
	}
	either := within(cfg.Bucket, prefix, exact)
	if scope.Write {
		run := temporary // nobody knows the name of a run without one
		if cfg.Run != "" {
			run += cfg.Run + "/"
		}
		either = append(either, within(cfg.Bucket, run, false)...)
	}
	return strings.Join(either, " || ")
}

// within are the conditions, in CEL, of objects and of listings.
func within(bucket, prefix string, exact bool) []string {
	format := "%s.startsWith(%s)"
	if exact {
		format = "%s == %s"
	}
	return []string{
		fmt.Sprintf(format, "resource.name", strconv.Quote("projects/_/buckets/"+bucket+"/objects/"+prefix)),
		fmt.Sprintf(format, `api.getAttribute("storage.googleapis.com/objectListPrefix", "")`, strconv.Quote(prefix)),
	}
}

// withToken replaces the credentials of cfg by a token of c, and the project
// that pays.
func withToken(ctx context.Context, cfg objstore.Config, c *auth.Credentials) (objstore.Config, error) {
	token, err := tokenOf(ctx, c)
	if err != nil {
		return cfg, err
	}
	credentials := map[string]string{keyToken: token.Value}
	if cfg.RequesterPays {
		t := authorized{pays: true, project: cfg.Credentials[keyProject]}
		if credentials[keyProject], err = t.payer(ctx, c); err != nil {
			return cfg, err
		}
	}
	cfg.Credentials, cfg.Expires = credentials, token.Expiry
	return cfg, nil
}

// usable lists at most one key.
func usable(ctx context.Context, cfg objstore.Config, scope objstore.Scope) error {
	b, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(b.(*bucket).answers(ctx, scope.Prefix), b.Close())
}
