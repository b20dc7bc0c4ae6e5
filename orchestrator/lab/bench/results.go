package main

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/unit"
)

// bits are those of the job, to one destination.
func (o *outcome) bits() float64 {
	return float64(o.file.Job.Size) * float64(o.file.Job.Objects) * 8
}

// mbit is the job's throughput if it takes d.
func (o *outcome) mbit(d time.Duration) float64 { return o.bits() / 1e6 / d.Seconds() }

// rate is an attempt's throughput; zero if it did not do the job.
func (o *outcome) rate(a *attempt) float64 {
	if a.failure != "" || a.took == 0 {
		return 0
	}
	return o.mbit(a.took)
}

// results is RESULTS.md. control is the kernel's congestion control.
func results(outcomes []outcome, jobs int, loads [2]string, control string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# skyctl and rclone in the lab

Written by %[1]smake bench-lab%[1]s on %[2]s, %[3]d cores, %[5]d scenario(s) at a time, load average %[6]s at the start and
%[7]s at the end (a load above the cores slows everything here). Do not edit.

Each row is a scenario of %[1]sscenarios/%[1]s, both tools in the same lab in the same run. Throughput is of data, to each
destination; for skyctl from the first read to the last commit, without starting and stopping gateways ("all" has the
whole of it), for rclone of the process. Max-flow is what the links and caps allow once IP and TCP headers are off.
rclone: the best of %[4]d settings on one in %[8]d of the objects, then that one on all, on a machine of the source region
and at the operator, whose access is scaled down like the links; where the sample shows that the operator is slower than
the source region, its figure is the sample's. Its TCP is as the kernel has it by default, here with %[9]s; skyctl asks for
BBR. What arrived was compared byte by byte on the stores' disks.

| scenario | max-flow Mbit/s | skyctl Mbit/s | of max-flow | forecast | all | USD | rclone at source | at operator | USD | skyctl / best rclone |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
`, "`", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), len(settings), jobs, loads[0], loads[1], sampleShare, control)
	for i := range outcomes {
		row(&b, &outcomes[i])
	}
	fmt.Fprintf(&b, `
"Forecast" is by how much the transfer took longer (+) or shorter than the plan said; a dash where the network changes
under way. "skyctl / best rclone" compares throughputs.

![throughput](results.svg)
`)
	for i := range outcomes {
		details(&b, &outcomes[i])
	}
	return b.Bytes()
}

// row is a scenario's line of the table.
func row(b *bytes.Buffer, o *outcome) {
	peer, usd := o.rate(&o.source), o.source.usd
	if r := o.rate(&o.remote); r > peer {
		peer, usd = r, o.remote.usd
	}
	cell := func(a *attempt) string {
		if a.failure != "" {
			return "failed"
		}
		return fmt.Sprintf("%.1f", o.rate(a))
	}
	fmt.Fprintf(b, "| %s | %.1f ", o.file.Name, o.mbit(o.ideal))
	switch sky := o.rate(&o.skyctl); {
	case o.skyctl.failure != "":
		fmt.Fprintf(b, "| **not yet** | | | | | %s | %s | %.4f | |\n", cell(&o.source), cell(&o.remote), usd)
	default:
		forecast := "–"
		if len(o.file.Job.Changes) == 0 {
			forecast = fmt.Sprintf("%+.0f %%", 100*(o.skyctl.took.Seconds()/o.skyctl.forecast.Seconds()-1))
		}
		ratio := "–"
		if peer > 0 {
			ratio = fmt.Sprintf("%.1f", sky/peer)
		}
		fmt.Fprintf(b, "| %.1f | %.0f %% | %s | %.1f s | %.4f | %s | %s | %.4f | %s |\n", sky, 100*sky/o.mbit(o.ideal), forecast,
			o.skyctl.total.Seconds(), o.skyctl.usd, cell(&o.source), cell(&o.remote), usd, ratio)
	}
}

// details are a scenario's section.
func details(b *bytes.Buffer, o *outcome) {
	job := o.file.Job
	fmt.Fprintf(b, "\n## %s: %s\n\n%d objects of %s from %s to %s.\n\n", o.file.Name, o.file.Title,
		job.Objects, unit.Bytes(job.Size), job.From, strings.Join(job.To, ", "))
	if o.skyctl.failure != "" {
		fmt.Fprintf(b, "skyctl cannot do this yet: %s\n\n", o.skyctl.failure)
	} else {
		fmt.Fprintf(b, "Routes: %s. Over %s.\n\n", strings.Join(o.skyctl.routes, "; "), strings.Join(o.skyctl.over, ", "))
	}
	fmt.Fprintf(b, "```\n%s\n", o.skyctl.command)
	for _, a := range []struct {
		where string
		*attempt
	}{{"at the source", &o.source}, {"at the operator", &o.remote}} {
		switch {
		case a.command == "":
			fmt.Fprintf(b, "# rclone %s: %s\n", a.where, a.failure)
		case a.failure != "":
			fmt.Fprintf(b, "%s    # %s: %s\n", a.command, a.where, a.failure)
		case a.scaled:
			fmt.Fprintf(b, "%s    # %s: %.1f s for one object in %d\n", a.command, a.where, a.took.Seconds()/sampleShare, sampleShare)
		default:
			fmt.Fprintf(b, "%s    # %s: %.1f s\n", a.command, a.where, a.took.Seconds())
		}
	}
	b.WriteString("```\n")
	sky := o.rate(&o.skyctl)
	if len(job.Changes) > 0 && sky > 0 {
		fmt.Fprintf(b, "\nWho knew of the change, and needed no time to begin, would take %.1f s. skyctl took %.1f s: %+.0f %%.\n",
			o.ideal.Seconds(), o.skyctl.took.Seconds(), 100*(o.skyctl.took.Seconds()/o.ideal.Seconds()-1))
	}
	if wide := o.rate(&o.wide); wide > 0 && sky > 0 {
		count := float64(job.Objects)
		fmt.Fprintf(b, "\nThat is %.0f objects/s; rclone with %s at the source does %.0f (%.1f s): skyctl %.1f times as many.\n",
			count/o.skyctl.took.Seconds(), wideSetting, count/o.wide.took.Seconds(), o.wide.took.Seconds(), sky/wide)
	}
}
