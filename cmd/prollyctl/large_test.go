package main

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// largeFile writes a file of noise and returns it.
func (c *cli) largeFile(name string, seed byte, n int) string {
	c.Helper()
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	c.file(name, string(b))
	return string(b)
}

// Files and streams of every length go in and come out, whole and in parts.
func TestLargeValues(t *testing.T) {
	c := newStore(t)
	for i, n := range []int{0, 2000, 1<<20 + 1, 5 << 20} {
		want := c.largeFile("value", byte(i), n)
		c.ok("put", "file", "--file", "value")
		c.okPipe(want, "put", "stream", "-")
		if c.ok("get", "file") != want || c.ok("get", "stream") != want {
			t.Errorf("%d bytes: another value", n)
		}
		for _, part := range [][2]int{{0, 7}, {n / 2, -1}, {n / 3, n / 3}, {n - 1, 10}, {n + 5, -1}} {
			from, length := max(part[0], 0), part[1]
			cut := want[min(from, n):]
			if length >= 0 {
				cut = cut[:min(length, len(cut))]
			}
			if got := c.ok("get", "file", "--offset", strconv.Itoa(from), "--length", strconv.Itoa(length)); got != cut {
				t.Errorf("%d bytes: %d at %d: %d bytes", n, length, from, len(got))
			}
		}
	}
	var a, b rootInfo
	c.run("put", "file", "--file", "value", "--branch", "other", "-m", "alone")
	c.json(&a, "root", "other")
	c.pipe(c.largeFile("value", 3, 5<<20), "put", "file", "-", "--branch", "again")
	if c.json(&b, "root", "again"); a.Root != b.Root || a.Entries != 1 {
		t.Errorf("%v from a file, %v from a stream", a.Root, b.Root)
	}
	c.ok("check")
}

func TestLargeValuesRefuse(t *testing.T) {
	c := newStore(t)
	c.ok("put", "k", "before")
	c.ok("put", "--link", "l", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	before := c.root()
	c.fails(exitFailed, "2 wanted", "put", "k")
	c.fails(exitFailed, "1 taken", "put", "k", "v", "--file", "value")
	c.fails(exitFailed, "no such file", "put", "k", "--file", "nowhere")
	c.fails(exitFailed, "none of the others", "put", "--link", "k", "--file", "nowhere")
	c.fails(exitFailed, "is a directory", "put", "k", "--file", ".")
	c.fails(exitFailed, "negative", "get", "k", "--offset", "-1")
	c.fails(exitFailed, "text output", "get", "k", "--offset", "1", "-o", "json")
	c.fails(exitFailed, "is a link", "get", "l", "--length", "1")
	c.fails(exitNo, "not found", "get", "none", "--length", "1")
	// A stream that is cut off by a signal while the store is open.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := c.command(ctx, "put", "k", "-")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, c.largeFile("value", 9, 4<<20)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := cmd.Wait(); err == nil {
		t.Error("an interrupted put succeeds")
	}
	in.Close()
	if got := c.root(); got != before {
		t.Errorf("C3 violated: the root is %s, was %s", got, before)
	}
	if got := c.ok("get", "k"); got != "before" {
		t.Errorf("%q", got)
	}
	c.ok("check")
}
