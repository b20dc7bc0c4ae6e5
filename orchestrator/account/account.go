// Package account is what skyctl needs of a cloud's own API: whose account it
// is, what runs left in it, and what the credentials may do there. Machines are
// made and destroyed by Terraform; this is for what no state remembers.
//
// Each cloud has a package of its own below this one, a thin client on the
// cloud's SDK. They find things by the tags, labels and names that the modules
// of package modules give.
package account

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// Tags that every root sets on whatever can carry them. Labels of Google Cloud
// have the same keys, and values of fewer characters.
const (
	TagRun     = "skyctl-run"
	TagOwner   = "skyctl-owner"
	TagExpires = "skyctl-expires" // RFC 3339
)

// Opener opens the account of a cloud.
type Opener func(context.Context, region.Cloud) (Account, error)

// NamePrefix starts the name of whatever a root creates.
const NamePrefix = "skyctl-"

// Account is an account of AWS, a project of Google Cloud or a subscription of
// Azure, with the credentials that its cloud's own tools would find. Its
// methods are safe for concurrent use.
type Account interface {
	Cloud() region.Cloud

	// Identify asks the cloud who the credentials are. The error is a
	// *MismatchError if the configuration names another account than they reach.
	Identify(ctx context.Context) (Identity, error)

	// Find returns what runs left here, in no order. What could not be asked, a
	// region for instance, is in the error; what was found is returned beside it.
	Find(ctx context.Context) ([]Resource, error)

	// Delete deletes one thing that Find returned and waits until it is gone.
	// It is idempotent: a thing that is gone is no error. The error is a
	// *BusyError if something that goes too still holds it: try again later.
	Delete(ctx context.Context, r Resource) error

	// Room finds out whether the account has room for what a plan wants, of all
	// its regions at once, changing nothing. What could not be asked is in the
	// error; what could is beside it.
	Room(ctx context.Context, wants []Want) (Room, error)

	// Check finds out what the credentials may do, changing nothing.
	Check(ctx context.Context) (Permissions, error)
}

// Identity is who the credentials are.
type Identity struct {
	Account   string // account id, project or subscription
	Principal string // for people; empty where the cloud does not tell
}

// Resource is one thing in a cloud.
type Resource struct {
	Region region.Region // empty: it is in none
	Cloud  region.Cloud
	Kind   string // the cloud's word: "instance", "vpc"
	ID     string // by which Delete knows it
	Name   string

	Run     string
	Owner   string    // as the cloud keeps it; empty: it cannot say
	Expires time.Time // not-after of the run's gateways; zero: it cannot say
	Created time.Time // zero: the cloud does not tell

	Machines []string // types of the machines that it bills
	Rank     int      // what has a lower one goes first
	// Foreign names what would go with it and is not skyctl's. It is never
	// deleted as long as there is such.
	Foreign string
}

// Permissions are what credentials may do, of what the modules and gc need.
type Permissions struct {
	Granted   []string
	Missing   []string
	Unchecked []string // no dry run tells
}

// Policy is for an administrator: whoever has none of the permissions can be
// given them by it, so it is had without asking the cloud.
type Policy struct {
	Document []byte // of JSON; it grants everything that is needed
	How      string // what to do with it
}

// MismatchError is an account that is not the configured one.
type MismatchError struct {
	Cloud     region.Cloud
	Want, Got string
	Key       string // of the configuration
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("the credentials for %s reach %s, and %s is %s: use the other's credentials, or correct %s", e.Cloud, e.Got, e.Key, e.Want, e.Key)
}

// BusyError is a thing that cannot be deleted yet.
type BusyError struct{ Err error }

func (e *BusyError) Error() string { return e.Err.Error() }
func (e *BusyError) Unwrap() error { return e.Err }

var runInName = regexp.MustCompile(`^skyctl-([0-9]{6}-[0-9a-z]{8})(?:-|$)`)

// RunOf reads the run from the name of what a root created; empty if the name
// is no such name.
func RunOf(name string) string {
	if m := runInName.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

// Tagged fills in what tags or labels say of a thing. A value that is not what
// skyctl writes says nothing.
func (r *Resource) Tagged(tags map[string]string) {
	if run := tags[TagRun]; run != "" {
		r.Run = run
	}
	r.Owner = tags[TagOwner]
	// In a label the moment is "2026-11-22t16-00-00z".
	for _, layout := range []string{time.RFC3339, "2006-01-02t15-04-05z"} {
		if at, err := time.Parse(layout, tags[TagExpires]); err == nil {
			r.Expires = at
			return
		}
	}
}

var notInLabel = regexp.MustCompile(`[^a-z0-9_-]`)

// Label is a tag's value as the label that the module of Google Cloud makes of
// it.
func Label(value string) string {
	label := notInLabel.ReplaceAllString(strings.ToLower(value), "-")
	return label[:min(len(label), 63)]
}
