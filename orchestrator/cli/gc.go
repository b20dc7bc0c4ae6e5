package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/gc"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

type gcCmd struct {
	Cloud []region.Cloud `enum:"aws,gcp,azure" placeholder:"CLOUD" help:"Only these: aws, gcp, azure. By default all of which the configuration names an account."`
	Runs  []string       `name:"run" placeholder:"RUN" help:"Only what these runs left."`
	Grace time.Duration  `env:"-" default:"1h" help:"How long after its not-after a run is left alone."`

	Delete   bool   `env:"-" help:"Delete what is past its not-after and the grace, and yours."`
	Owner    string `env:"-" placeholder:"USER@HOST" help:"Whose things to delete, as the tag skyctl-owner says it. By default yours on this workstation."`
	AnyOwner bool   `env:"-" help:"Delete also what is others', and what cannot say whose it is."`
	Live     bool   `env:"-" help:"Delete also what is not past its not-after. Needs --run."`
}

// gcGrace is the default of Grace.
const gcGrace = time.Hour

type gcDoc struct {
	Found      []gcItem     `json:"found"`
	USDPerHour float64      `json:"usd_per_hour"` // of the machines whose price is known
	Deleted    int          `json:"deleted"`
	Kept       int          `json:"kept"`
	Failed     int          `json:"failed"`
	Errors     []gcCloudErr `json:"errors"` // what could not be asked
	outcome
}

// gcItem is one thing in a cloud. Moments are RFC 3339, empty where nobody knows
// them.
type gcItem struct {
	Cloud      region.Cloud  `json:"cloud"`
	Region     region.Region `json:"region,omitempty"`
	Kind       string        `json:"kind"`
	ID         string        `json:"id"`
	Name       string        `json:"name,omitempty"`
	Run        string        `json:"run"`
	Owner      string        `json:"owner"`
	Created    string        `json:"created"`
	Expires    string        `json:"expires"`
	AgeS       float64       `json:"age_s,omitempty"`
	Machines   []string      `json:"machines"`
	USDPerHour *float64      `json:"usd_per_hour"` // null: not known
	Deletable  bool          `json:"deletable"`
	Kept       string        `json:"kept,omitempty"` // why it is not deletable
	Deleted    bool          `json:"deleted"`
	Error      string        `json:"error,omitempty"`
}

type gcCloudErr struct {
	Cloud region.Cloud `json:"cloud"`
	Error string       `json:"error"`
}

// Run shows what there is, and deletes it if that is asked for. A cloud that
// could not be asked makes the exit code 1, after the others are done with.
func (c *gcCmd) Run(ctx context.Context, s service, g *globals, out *console) error {
	switch {
	case c.Live && len(c.Runs) == 0:
		return wrongUsage("--live deletes machines that may be at work: name the runs with --run")
	case c.Owner != "" && c.AnyOwner:
		return wrongUsage("give --owner or --any-owner, not both")
	case c.Grace < 0:
		return wrongUsage("--grace is a time after the not-after, it cannot be negative")
	}
	ask := c.Delete && !g.Yes
	if ask {
		if err := canAsk("add --yes, or look first: skyctl gc without --delete"); err != nil {
			return err
		}
	}
	left, err := s.Leftovers(ctx, orchestrator.CollectRequest{Clouds: c.Cloud, Runs: c.Runs, Grace: c.Grace,
		Owner: c.Owner, AnyOwner: c.AnyOwner, Live: c.Live})
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	doc := newGCDoc(left.Survey, time.Now())
	out.answer(doc, func(w io.Writer) error { return gcView(w, doc, c.Delete) })
	unasked := left.Err()
	if unasked != nil {
		unasked = &orchestrator.PreconditionError{Err: fmt.Errorf("not everything could be asked: %w", unasked), Hint: "what was found is right, and there may be more; skyctl init checks credentials and permissions"}
	}
	deletable := len(doc.Found) - doc.Kept
	if !c.Delete || deletable == 0 {
		return unasked
	}
	if ask {
		if err := out.show(func(w io.Writer) error { return gcView(w, doc, false) }); err != nil {
			return err
		}
		if err := confirm(ctx, fmt.Sprintf("Delete %s?", quantity(deletable, "thing"))); err != nil {
			return err
		}
	}
	outcomes, err := s.Collect(ctx, left)
	doc.note(outcomes)
	if remains, ok := errors.AsType[*orchestrator.RemainsError](err); ok {
		remains.Flags = c.flags()
	}
	return errors.Join(err, unasked)
}

// flags are what was given beside --delete, for a shell.
func (c *gcCmd) flags() string {
	var text strings.Builder
	for _, cloud := range c.Cloud {
		text.WriteString(" --cloud " + string(cloud))
	}
	for _, run := range c.Runs {
		text.WriteString(" --run " + quoted(run))
	}
	if c.Grace != gcGrace {
		text.WriteString(" --grace " + c.Grace.String())
	}
	if c.Owner != "" {
		text.WriteString(" --owner " + quoted(c.Owner))
	}
	if c.AnyOwner {
		text.WriteString(" --any-owner")
	}
	if c.Live {
		text.WriteString(" --live")
	}
	return text.String()
}

func newGCDoc(s gc.Survey, now time.Time) *gcDoc {
	doc := &gcDoc{Found: []gcItem{}, Errors: []gcCloudErr{}, outcome: outcome{Success: true}}
	for _, f := range s.Findings {
		item := gcItem{Cloud: f.Cloud, Region: f.Region, Kind: f.Kind, ID: f.ID, Name: f.Name, Run: f.Run, Owner: f.Owner,
			Created: moment(f.Created), Expires: moment(f.Expires), Machines: append([]string{}, f.Machines...),
			Deletable: f.Keep == "", Kept: f.Keep}
		if !f.Created.IsZero() {
			item.AgeS = now.Sub(f.Created).Round(time.Second).Seconds()
		}
		if f.Priced {
			item.USDPerHour = &f.USDPerHour
		}
		if f.Keep != "" {
			doc.Kept++
		}
		doc.USDPerHour += f.USDPerHour
		doc.Found = append(doc.Found, item)
	}
	for _, cloud := range region.Clouds {
		if err := s.Errors[cloud]; err != nil {
			doc.Errors = append(doc.Errors, gcCloudErr{cloud, oneLine(err.Error())})
		}
	}
	return doc
}

// note adds what became of the findings.
func (d *gcDoc) note(outcomes []gc.Outcome) {
	for _, o := range outcomes {
		i := slices.IndexFunc(d.Found, func(item gcItem) bool {
			return item.Cloud == o.Cloud && item.Region == o.Region && item.Kind == o.Kind && item.ID == o.ID
		})
		if o.Err != nil {
			d.Found[i].Error = oneLine(o.Err.Error())
			d.Failed++
			continue
		}
		d.Found[i].Deleted = true
		d.Deleted++
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func gcView(w io.Writer, d *gcDoc, deleting bool) error {
	if len(d.Found) == 0 {
		_, err := fmt.Fprintln(w, "Nothing of earlier runs was found.")
		return err
	}
	err := columns(w, func(w io.Writer) {
		fmt.Fprintln(w, "RUN\tREGION\tKIND\tNAME\tOWNER\tAGE\tEXPIRES\tUSD/H\tSTATE")
		for _, i := range d.Found {
			at := string(i.Region)
			if at == "" {
				at = string(i.Cloud)
			}
			name := i.Name
			if name == "" {
				name = i.ID
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.Run, at, i.Kind, printable(name), unknownIfEmpty(i.Owner),
				age(i), unknownIfEmpty(i.Expires), i.price(), i.state(deleting))
		}
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s, %s an hour.\n", quantity(len(d.Found), "thing"), unit.USD(d.USDPerHour))
	if err != nil || deleting || d.Kept == len(d.Found) {
		return err
	}
	_, err = fmt.Fprintf(w, "skyctl gc --delete deletes %d of them.\n", len(d.Found)-d.Kept)
	return err
}

func age(i gcItem) string {
	if i.Created == "" {
		return "unknown"
	}
	return time.Duration(i.AgeS * float64(time.Second)).Round(time.Minute).String()
}

func (i gcItem) price() string {
	switch {
	case i.USDPerHour == nil:
		return "unknown"
	case len(i.Machines) == 0:
		return "-"
	}
	return unit.USD(*i.USDPerHour).String()
}

func (i gcItem) state(deleting bool) string {
	switch {
	case i.Deleted:
		return "deleted"
	case i.Error != "":
		return "could not be deleted: " + i.Error
	case i.Kept != "":
		return "kept: " + i.Kept
	case deleting:
		return "left"
	}
	return "can be deleted"
}

func unknownIfEmpty(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
