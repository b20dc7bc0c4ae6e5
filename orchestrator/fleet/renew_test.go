package fleet

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

// until are settings whose credentials end at that time.
func until(ends time.Time) Settings {
	return Settings{Dests: []objstore.Config{{}, {Expires: ends}}}
}

// TestRenewal follows six hours of a run whose credentials last one hour: they
// are replaced in time, whatever fails now and then.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given := time.Now().Add(time.Hour)
		found, calls := 0, 0
		r := renewal{log: slog.New(slog.DiscardHandler),
			find: func(context.Context) (Settings, error) {
				if found++; found%3 == 0 {
					return Settings{}, errors.New("no network")
				}
				return until(time.Now().Add(time.Hour)), nil
			},
			give: func(_ context.Context, s Settings) error {
				if time.Now().After(given) {
					t.Errorf("new credentials came %v after the end of the old", time.Since(given))
				}
				if calls++; calls%2 == 0 {
					return errors.New("a gateway is being replaced")
				}
				given = s.expires()
				return nil
			},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Hour)
		defer cancel()
		if err := r.run(ctx, given); err != nil {
			t.Error(err)
		}
		if calls < 12 || found < 12 {
			t.Errorf("%d found, %d given", found, calls)
		}
	})
}

func TestRenewalThatCannotBe(t *testing.T) {
	broken := errors.New("no network")
	for _, c := range []struct {
		name string
		find func(time.Time) (Settings, error)
		give error
		want string
	}{
		{"not found", func(time.Time) (Settings, error) { return Settings{}, broken }, nil, "no network"},
		{"not newer", func(ends time.Time) (Settings, error) { return until(ends), nil }, nil, "does not last longer"},
		{"not given", func(ends time.Time) (Settings, error) { return until(ends.Add(time.Hour)), nil }, broken, "no network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ends := time.Now().Add(time.Hour)
				r := renewal{log: slog.New(slog.DiscardHandler),
					find: func(context.Context) (Settings, error) { return c.find(ends) },
					give: func(context.Context, Settings) error { return c.give },
				}
				err := r.run(t.Context(), ends)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				if left := time.Until(ends); left < expired/2 || left > 45*time.Minute {
					t.Errorf("the run was stopped %v before the credentials end", left)
				}
			})
		})
	}
	if err := (renewal{}).run(t.Context(), time.Time{}); err != nil {
		t.Errorf("credentials that never end: %v", err)
	}
}
