package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/enroll"
)

// bare is the other side of the comparison: quic-go and nothing else. A stream
// is the offset at which its bytes belong into the receiver's file, 8 bytes
// big-endian, and the bytes; the answer is 16 bytes.
type bare struct {
	receiver *exec.Cmd
	conns    []*quic.Conn
}

// nowhere is the offset of bytes that are counted and dropped, newFile that of
// an empty body which makes the receiver begin a new file.
const (
	nowhere = math.MaxUint64
	newFile = math.MaxUint64 - 1
)

var bareConfig = &quic.Config{
	InitialStreamReceiveWindow: 1 << 20, MaxStreamReceiveWindow: 16 << 20,
	InitialConnectionReceiveWindow: 2 << 20, MaxConnectionReceiveWindow: 512 << 20, MaxIncomingStreams: 1024,
}

const bareBuffer = 64 << 10

// startBare starts the receiver, a process of its own, and connects to it.
func startBare(b *testing.B) *bare {
	x := &bare{receiver: as("bare")}
	in, err := x.receiver.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := x.receiver.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := x.receiver.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := in.Close(); err != nil {
			b.Error(err)
		}
		if err := x.receiver.Wait(); err != nil {
			b.Error(err)
		}
	})
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		b.Fatal(err)
	}
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
	x.exchange(b, x.conns[0], newFile, nil)
	next := make(chan chunk.Range)
	var wg sync.WaitGroup
	for i := range 4 * len(x.conns) {
		wg.Go(func() {
			for r := range next {
				x.exchange(b, x.conns[i%len(x.conns)], uint64(r.Offset), io.NewSectionReader(f, r.Offset, r.Length))
			}
		})
	}
	for _, r := range chunk.Split(size, 16<<20) {
		next <- r
	}
	close(next)
	wg.Wait()
}

// requests sends count bodies of one size, 256 at a time.
func (x *bare) requests(b *testing.B, count, size int) {
	content := make([]byte, size)
	rand.Read(content)
	next := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 256 {
		wg.Go(func() {
			for range next {
				x.exchange(b, x.conns[i%len(x.conns)], nowhere, bytes.NewReader(content))
			}
		})
	}
	for range count {
		next <- struct{}{}
	}
	close(next)
	wg.Wait()
}

// exchange sends one stream and reads its answer. A body that fits goes in one
// write with the offset.
func (x *bare) exchange(b *testing.B, conn *quic.Conn, offset uint64, body io.Reader) {
	s, err := conn.OpenStreamSync(b.Context())
	if err != nil {
		b.Error(err)
		return
	}
	buf := make([]byte, bareBuffer)
	binary.BigEndian.PutUint64(buf, offset)
	used := 8
	for body != nil {
		n, err := io.ReadFull(body, buf[used:])
		used += n
		if err != nil {
			break
		}
		if _, err := s.Write(buf[:used]); err != nil {
			b.Error(err)
			return
		}
		used = 0
	}
	if _, err := s.Write(buf[:used]); err != nil {
		b.Error(err)
	}
	s.Close()
	if _, err := io.ReadFull(s, buf[:16]); err != nil {
		b.Error(err)
	}
	s.CancelRead(0)
}

// bareReceiver answers every stream until standard input ends.
func bareReceiver() {
	if err := receiveBare(); err != nil {
		fmt.Fprintln(os.Stderr, "bare receiver:", err)
		os.Exit(1)
	}
}

func receiveBare() error {
	authority, err := enroll.NewAuthority("bare", time.Now().Add(time.Hour))
	if err != nil {
		return err
	}
	id, err := authority.NewIdentity("bare")
	if err != nil {
		return err
	}
	config, err := id.ServerConfig("bare").GetConfigForClient(&tls.ClientHelloInfo{SupportedProtos: []string{"bare"}})
	if err != nil {
		return err
	}
	config.ClientAuth = tls.NoClientCert
	config.VerifyConnection = nil
	ln, err := quic.ListenAddr("127.0.0.1:0", config, bareConfig)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("/dev/shm", "bare")
	if err != nil {
		return err
	}
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	fmt.Println(ln.Addr().(*net.UDPAddr).String())
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the parent, however that ends
		cancel()
	}()
	for {
		conn, err := ln.Accept(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			for {
				s, err := conn.AcceptStream(ctx)
				if err != nil {
					return
				}
				go func() {
					if err := answerBare(file, s); err != nil {
						s.CancelRead(1)
						s.CancelWrite(1)
					}
				}()
			}
		}()
	}
}

// answerBare puts one stream's bytes where they belong.
func answerBare(file *os.File, s *quic.Stream) error {
	buf := make([]byte, bareBuffer)
	if _, err := io.ReadFull(s, buf[:8]); err != nil {
		return err
	}
	var to io.Writer = io.Discard
	switch offset := binary.BigEndian.Uint64(buf); offset {
	case nowhere:
	case newFile:
		if err := file.Truncate(0); err != nil {
			return err
		}
	default:
		to = io.NewOffsetWriter(file, int64(offset))
	}
	// Without ReadFrom and WriteTo, which would bring buffers of their own.
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{s}, buf); err != nil {
		return err
	}
	if _, err := s.Write(buf[:16]); err != nil {
		return err
	}
	return s.Close()
}
