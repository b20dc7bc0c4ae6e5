package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent/objstore/objstoretest"
)

// memoryDisk is where the servers' files are if it is there: what is compared
// is programs, not disks.
const memoryDisk = "/dev/shm"

// job is a set of objects of one size, and the flags with which rclone copies
// it. All count: those after the first are quicker because rclone then neither
// looks at the destination nor asks what arrived, which skyctl proves.
type job struct {
	name    string
	objects int
	size    int
	closing bool // the servers close the connection after every request
	rclone  []string
}

var jobs = []job{
	{name: "large", objects: 8, size: 128 << 20, rclone: []string{
		"--transfers 8 --checkers 8",
		"--transfers 8 --checkers 8 --no-check-dest --s3-no-head --s3-disable-checksum",
	}},
	{name: "small", objects: 10_000, size: 4096, rclone: smallest},
	{name: "small, a connection a request", objects: 10_000, size: 4096, closing: true, rclone: smallest},
}

var smallest = []string{
	"--transfers 64 --checkers 64",
	"--transfers 64 --checkers 64 --no-check-dest --s3-no-head --s3-disable-checksum",
}

// sample is one process's work.
type sample struct{ wall, cpu time.Duration }

// BenchmarkStores copies each job with skyctl and with rclone in turn, from one
// S3 server to another, and prints the medians and their ratios. CPU is that of
// the program alone, in user and system mode; the servers take the same
// processors.
func BenchmarkStores(b *testing.B) {
	rclone := os.Getenv("SKYCTL_RCLONE")
	if rclone == "" {
		b.Fatal("SKYCTL_RCLONE is not set; run make bench-stores")
	}
	if info, err := os.Stat(memoryDisk); err == nil && info.IsDir() {
		b.Setenv("TMPDIR", memoryDisk)
	}
	for _, j := range jobs {
		b.Run(j.name, func(b *testing.B) {
			c := newContest(b, j, rclone)
			ours, theirs := []sample{}, make([][]sample, len(j.rclone))
			for b.Loop() {
				ours = append(ours, c.skyctl())
				for i, flags := range j.rclone {
					theirs[i] = append(theirs[i], c.rclone(flags))
				}
			}
			c.print(ours, theirs)
		})
	}
}

// contest is one job's objects, in the east of a world.
type contest struct {
	*world
	job
	program string // rclone's path
	round   int
}

func newContest(b *testing.B, j job, rclone string) *contest {
	b.Helper()
	o := worldOptions{memory: "512MiB"}
	if j.closing {
		o.server = objstoretest.StartClosingVersityGW
	}
	c := &contest{world: newWorld(b, o), job: j, program: rclone}
	client := c.client(c.east)
	puts, ctx := errgroup.WithContext(b.Context())
	puts.SetLimit(8)
	for i := range j.objects {
		puts.Go(func() error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("data"),
				Key: aws.String(fmt.Sprintf("src/%05d", i)), Body: bytes.NewReader(random(uint64(i), j.size))})
			return err
		})
	}
	if err := puts.Wait(); err != nil {
		b.Fatal(err)
	}
	return c
}

func (c *contest) skyctl() sample {
	start := time.Now()
	r := c.start("cp", "-r", "east://data/src", "west://data/"+c.dest(), "--gateways", "0", "--yes", "--json")
	out := c.finish(r)
	took := time.Since(start)
	c.succeeded(out, int64(c.objects))
	return c.arrived(took, r.cmd.ProcessState)
}

func (c *contest) rclone(flags string) sample {
	cmd := exec.Command(c.program, append([]string{"copy", "east:data/src", "west:data/" + c.dest(), "--s3-no-check-bucket"}, strings.Fields(flags)...)...)
	cmd.Env = append(os.Environ(), "RCLONE_CONFIG="+filepath.Join(c.dir, "rclone.conf"))
	for name, s := range map[string]struct{ endpoint, id, secret string }{
		"EAST": {c.east.Endpoint, c.east.AccessKey, c.east.SecretKey}, "WEST": {c.west.Endpoint, c.west.AccessKey, c.west.SecretKey},
	} {
		p := "RCLONE_CONFIG_" + name + "_"
		cmd.Env = append(cmd.Env, p+"TYPE=s3", p+"PROVIDER=Other", p+"ENDPOINT="+s.endpoint, p+"ACCESS_KEY_ID="+s.id, p+"SECRET_ACCESS_KEY="+s.secret)
	}
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil {
		c.t.Fatalf("rclone: %v\n%s", err, out)
	}
	return c.arrived(took, cmd.ProcessState)
}

// dest is a prefix of this process alone.
func (c *contest) dest() string { return fmt.Sprint("to", c.round) }

// arrived checks that everything is at the destination, and makes room.
func (c *contest) arrived(took time.Duration, p *os.ProcessState) sample {
	c.t.Helper()
	if n := len(c.keys(c.west)); n != c.objects {
		c.t.Fatalf("%d objects of %d arrived", n, c.objects)
	}
	if err := os.RemoveAll(filepath.Join(c.west.Dir, "data", c.dest())); err != nil {
		c.t.Fatal(err)
	}
	c.round++
	return sample{wall: took, cpu: p.UserTime() + p.SystemTime()}
}

// median of each figure by itself.
func median(all []sample) sample {
	mid := func(figure func(sample) time.Duration) time.Duration {
		var of []time.Duration
		for _, s := range all {
			of = append(of, figure(s))
		}
		slices.Sort(of)
		return of[len(of)/2]
	}
	return sample{wall: mid(func(s sample) time.Duration { return s.wall }), cpu: mid(func(s sample) time.Duration { return s.cpu })}
}

func (c *contest) print(ours []sample, theirs [][]sample) {
	fmt.Printf("\n%s: %d objects of %d bytes, medians of %d\n", c.name, c.objects, c.size, len(ours))
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\ts\tMB/s\tobjects/s\tCPU s\tCPU ms/object\tskyctl: speed\tCPU\t\n")
	us := median(ours)
	row := func(name string, m sample) {
		s, cpu, n := m.wall.Seconds(), m.cpu.Seconds(), float64(c.objects)
		fmt.Fprintf(table, "%s\t%.2f\t%.0f\t%.0f\t%.2f\t%.3f\t%.2f\t%.2f\t\n",
			name, s, n*float64(c.size)/1e6/s, n/s, cpu, cpu/n*1e3, s/us.wall.Seconds(), us.cpu.Seconds()/cpu)
	}
	row("skyctl", us)
	for i, samples := range theirs {
		row(fmt.Sprint("rclone ", i+1), median(samples))
	}
	table.Flush()
	fmt.Println("skyctl:   skyctl cp -r east://data/src west://data/TO --gateways 0 --yes --json")
	for i, flags := range c.job.rclone {
		fmt.Printf("rclone %d: rclone copy east:data/src west:data/TO --s3-no-check-bucket %s\n", i+1, flags)
	}
}
