package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/lab"
	"github.com/skyctl/skyctl/orchestrator/lab/labfile"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// labCmd is the Internet in a box.
type labCmd struct {
	Up    labUpCmd    `cmd:"" help:"Make the regions and links of a lab file."`
	Run   labRunCmd   `cmd:"" help:"Run a command in a region, or beside them as the operator."`
	Set   labSetCmd   `cmd:"" help:"Change a link, or all links of a region, while everything runs."`
	Show  labShowCmd  `cmd:"" help:"Show the links and what passes over them."`
	Down  labDownCmd  `cmd:"" help:"End a lab and everything in it."`
	Serve labServeCmd `cmd:"" hidden:"" help:"What lab up starts."`
}

// theLab is the flag that says which lab is meant.
type theLab struct {
	Lab string `placeholder:"NAME" help:"The lab, where several are up."`
}

// open finds the lab; that none is up is known without contacting anything.
func (t theLab) open() (*lab.Lab, error) {
	if err := lab.Supported(); err != nil {
		return nil, err
	}
	l, err := lab.Open(t.Lab)
	if err != nil {
		return nil, &orchestrator.UsageError{Err: err}
	}
	return l, nil
}

type labUpCmd struct {
	File string `arg:"" help:"The lab file; orchestrator/lab/scenarios has some."`
}

type labDoc struct {
	Lab    string         `json:"lab"`
	Config string         `json:"config"` // the skyctl.yaml for the lab
	Hosts  []labfile.Host `json:"hosts"`
	outcome
}

func (c *labUpCmd) Run(ctx context.Context, out *console) error {
	file, err := labfile.Load(c.File)
	if err != nil {
		return &orchestrator.UsageError{Err: err, Hint: "correct the lab file"}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	l, err := lab.Up(ctx, file, []string{self, "lab", "serve"})
	if err != nil {
		return err
	}
	doc := &labDoc{Lab: l.Name, Config: l.Config(), Hosts: l.Hosts, outcome: outcome{Success: true}}
	out.answer(doc, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "The lab %s is up: %s with %s.\n%s\n", l.Name,
			quantity(len(file.Regions), "region"), quantity(len(l.Hosts), "host"), l.Config())
		return err
	})
	return nil
}

type labServeCmd struct {
	Name string `arg:""`
}

func (c *labServeCmd) Run(ctx context.Context) error { return lab.Serve(ctx, c.Name) }

type labDownCmd struct{ theLab }

func (c *labDownCmd) Run(ctx context.Context, out *console) error {
	l, err := c.open()
	if err != nil {
		return err
	}
	if err := l.Down(ctx); err != nil {
		return err
	}
	out.answer(&outcome{Success: true}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "The lab %s is gone.\n", l.Name)
		return err
	})
	return nil
}

type labRunCmd struct {
	theLab
	In   string   `placeholder:"REGION" help:"On the region's first host; without it as the operator, who has a route to the regions."`
	Args []string `arg:"" name:"command" help:"The command and its arguments, behind --."`
}

// Help implements kong.HelpProvider.
func (c *labRunCmd) Help() string {
	return "skyctl in the command finds the lab's configuration by itself, and rclone has the regions' stores as remotes of their names."
}

func (c *labRunCmd) Run() error {
	l, err := c.open()
	if err != nil {
		return err
	}
	return l.Exec(c.In, c.Args)
}

type labSetCmd struct {
	theLab
	From   string         `arg:"" help:"A region, or operator."`
	To     string         `arg:"" optional:"" help:"The other end; without it all links of the first."`
	OneWay bool           `help:"Only in this direction."`
	Mbit   *float64       `help:"Rate in Mbit/s; 0 is without limit."`
	RTT    *time.Duration `name:"rtt" help:"Round trip, both ways together."`
	Jitter *time.Duration `help:"Each packet is late by up to this."`
	Loss   *float64       `help:"Share of packets that are lost, such as 0.01."`
	Burst  *float64       `help:"Mean length of a burst of losses, in packets; 1 is none."`
	Queue  string         `placeholder:"SIZE" help:"What may wait for the link, such as 256KiB; 0B is the default."`
	Down   *bool          `negatable:"" help:"Nothing passes; --no-down ends that."`
	UDP    *bool          `name:"udp" negatable:"" help:"--no-udp lets no UDP pass, --udp lets it."`
}

func (c *labSetCmd) Run(ctx context.Context, out *console) error {
	change := lab.Change{From: c.From, To: c.To, OneWay: c.OneWay, Mbit: c.Mbit, RTT: c.RTT, Jitter: c.Jitter,
		Loss: c.Loss, Burst: c.Burst, Down: c.Down}
	if c.Queue != "" {
		size, err := unit.ParseBytes(c.Queue)
		if err != nil {
			return wrongUsage("--queue: " + err.Error())
		}
		bytes := int(size)
		change.Queue = &bytes
	}
	if c.UDP != nil {
		blocked := !*c.UDP
		change.NoUDP = &blocked
	}
	if change == (lab.Change{From: c.From, To: c.To, OneWay: c.OneWay}) {
		return wrongUsage("nothing to set: give --mbit, --rtt, --jitter, --loss, --burst, --queue, --down or --no-udp")
	}
	l, err := c.open()
	if err != nil {
		return err
	}
	if err := l.Set(ctx, change); err != nil {
		return err
	}
	out.answer(&outcome{Success: true}, nil)
	return nil
}

type labShowCmd struct {
	theLab
	Watch bool `help:"Again every second, until interrupted, with what passes now."`
}

func (c *labShowCmd) Run(ctx context.Context, out *console) error {
	l, err := c.open()
	if err != nil {
		return err
	}
	status, err := l.Status(ctx)
	if err != nil {
		return err
	}
	if !c.Watch {
		out.answer(status, func(w io.Writer) error { return labView(w, status, nil, 0) })
		return nil
	}
	last, at := status, time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			out.answer(status, func(io.Writer) error { return nil }) // the user has seen enough
			return nil
		case <-tick.C:
		}
		now := time.Now()
		if status, err = l.Status(ctx); err != nil {
			return err
		}
		before, elapsed := last, now.Sub(at)
		if err := out.show(func(w io.Writer) error { return labView(w, status, &before, elapsed) }); err != nil {
			return err
		}
		last, at = status, now
	}
}
