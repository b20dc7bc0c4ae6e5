package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/enroll"
)

// The figures of the README: two skyagent processes, file to file on tmpfs,
// against a bare quic-go sender and receiver, also two processes, in turn.

const (
	benchMemory      = 128 << 20
	benchConnections = 2
)

// BenchmarkLargeObject moves 1 GiB over one hop. "of-bare" is its rate as a
// fraction of a bare quic-go copy with as many connections.
func BenchmarkLargeObject(b *testing.B) {
	const size = 1 << 30
	h := newHop(b, benchMemory, benchConnections)
	h.put(b, "k", size)
	bare := startBare(b)
	var ours, theirs time.Duration
	n := int64(0)
	for b.Loop() {
		start := time.Now()
		h.object(b, n, "k", size, 16<<20)
		ours += time.Since(start)
		n++
		start = time.Now()
		bare.copyFile(b, filepath.Join(h.src, "k"), size)
		theirs += time.Since(start)
	}
	gbits := float64(size) * 8 / 1e9
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-bare")
	b.ReportMetric(gbits*float64(b.N)/ours.Seconds(), "Gbit/s")
	b.ReportMetric(gbits*float64(b.N)/theirs.Seconds(), "bare-Gbit/s")
	b.ReportMetric(float64(h.reader.memory(b, "VmHWM"))/(1<<20), "reader-MiB")
	b.ReportMetric(float64(h.writer.memory(b, "VmHWM"))/(1<<20), "writer-MiB")
}

// BenchmarkSmallObjects moves 10,000 objects of 4 KiB over one hop. "of-bare"
// is its rate as a fraction of that at which bare quic-go opens, answers and
// closes streams of that size.
func BenchmarkSmallObjects(b *testing.B) {
	const count, size = 10_000, 4 << 10
	h := newHop(b, benchMemory, benchConnections)
	for i := range count {
		h.put(b, fmt.Sprintf("k%d", i), size)
	}
	bare := startBare(b)
	var ours, theirs time.Duration
	n := int64(0)
	for b.Loop() {
		as := make([]control.Assignment, count)
		for i := range as {
			k := fmt.Sprintf("k%d", i)
			as[i] = control.Assignment{Chunk: chunk.ID{Object: n}, Attempt: 1, Store: "src", Key: k, Range: chunk.Range{Length: size},
				Dests: []control.Dest{{Store: "dst", Key: k}}}
			n++
		}
		start := time.Now()
		rs, err := h.results.Collect(b.Context(), as)
		ours += time.Since(start)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range rs {
			if r.Failure != nil || r.Verified == "" {
				b.Fatalf("chunk %v: %+v", r.Chunk, r.Failure)
			}
		}
		start = time.Now()
		bare.requests(b, count, size)
		theirs += time.Since(start)
	}
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-bare")
	b.ReportMetric(float64(count*b.N)/ours.Seconds(), "objects/s")
	b.ReportMetric(float64(count*b.N)/theirs.Seconds(), "bare-streams/s")
}

// bare is the other side of the comparison: quic-go and nothing else.
type bare struct {
	conns []*quic.Conn
}

var bareConfig = &quic.Config{
	InitialStreamReceiveWindow: 1 << 20, MaxStreamReceiveWindow: 16 << 20,
	InitialConnectionReceiveWindow: 8 << 20, MaxConnectionReceiveWindow: 512 << 20, MaxIncomingStreams: 1024,
}

// startBare starts the receiver, a process of its own, and connects to it.
func startBare(b *testing.B) *bare {
	cmd := as("bare")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		b.Fatal(err)
	}
	x := &bare{}
	for range benchConnections {
		conn, err := quic.DialAddr(b.Context(), address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"bare"}}, bareConfig)
		if err != nil {
			b.Fatal(err)
		}
		x.conns = append(x.conns, conn)
	}
	return x
}

// copyFile sends a file in ranges of 16 MiB, each on a stream of its own, four
// at a time on each connection, and waits for an answer to each.
func (x *bare) copyFile(b *testing.B, path string, size int64) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	next := make(chan chunk.Range)
	var wg sync.WaitGroup
	for i := range 4 * len(x.conns) {
		wg.Go(func() {
			for r := range next {
				x.exchange(b, x.conns[i%len(x.conns)], io.NewSectionReader(f, r.Offset, r.Length))
			}
		})
	}
	for _, r := range chunk.Split(size, 16<<20) {
		next <- r
	}
	close(next)
	wg.Wait()
}

func (x *bare) requests(b *testing.B, count, size int) {
	body := make([]byte, size)
	rand.Read(body)
	next := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 256 {
		wg.Go(func() {
			for range next {
				x.exchange(b, x.conns[i%len(x.conns)], &sliceReader{body})
			}
		})
	}
	for range count {
		next <- struct{}{}
	}
	close(next)
	wg.Wait()
}

type sliceReader struct{ rest []byte }

func (s *sliceReader) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (x *bare) exchange(b *testing.B, conn *quic.Conn, body io.Reader) {
	s, err := conn.OpenStreamSync(b.Context())
	if err != nil {
		b.Error(err)
		return
	}
	buf := make([]byte, 64<<10)
	if _, err := io.CopyBuffer(struct{ io.Writer }{s}, body, buf); err != nil {
		b.Error(err)
	}
	s.Close()
	if _, err := io.ReadFull(s, buf[:16]); err != nil {
		b.Error(err)
	}
	s.CancelRead(0)
}

// bareReceiver answers every stream with 16 bytes until standard input ends.
// What it receives goes into a file on tmpfs, as ours does.
func bareReceiver() {
	authority, err := enroll.NewAuthority("bare", time.Now().Add(time.Hour))
	if err != nil {
		panic(err)
	}
	id, err := authority.NewIdentity("bare")
	if err != nil {
		panic(err)
	}
	cert, err := id.ServerConfig("bare").GetConfigForClient(&tls.ClientHelloInfo{SupportedProtos: []string{"bare"}})
	if err != nil {
		panic(err)
	}
	cert.ClientAuth = tls.NoClientCert
	cert.VerifyConnection = nil
	ln, err := quic.ListenAddr("127.0.0.1:0", cert, bareConfig)
	if err != nil {
		panic(err)
	}
	sink, err := os.CreateTemp("/dev/shm", "bare")
	if err != nil {
		panic(err)
	}
	os.Remove(sink.Name())
	fmt.Println(ln.Addr().(*net.UDPAddr).String())
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	for {
		conn, err := ln.Accept(ctx)
		if err != nil {
			return
		}
		go func() {
			for {
				s, err := conn.AcceptStream(ctx)
				if err != nil {
					return
				}
				go func() {
					buf := make([]byte, 64<<10)
					io.CopyBuffer(struct{ io.Writer }{io.NewOffsetWriter(sink, 0)}, s, buf)
					s.Write(buf[:16])
					s.Close()
				}()
			}
		}()
	}
}
