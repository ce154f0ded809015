//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A reader that goes away is no failure, and not worth a word.
func TestBrokenPipe(t *testing.T) {
	c := newStore(t)
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "key %d\tvalue\n", i)
	}
	c.okPipe(b.String(), "load", "-", "--format", "lines")
	for _, args := range [][]string{{"scan"}, {"dump"}, {"scan", "-o", "json"}, {"diff", emptyRoot, "main"}} {
		cmd := c.command(t.Context(), args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line == "" {
			t.Errorf("%q: %q, %v", args, line, err)
		}
		out.Close()
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("%q: %v, %q", args, err, stderr.String())
		}
	}
}

// Ctrl-C ends a command that waits for its input, and one at work; the store
// is closed in order and as it was.
func TestInterrupt(t *testing.T) {
	c := newStore(t)
	c.ok("put", "a", "1")
	root := c.root()
	for _, args := range [][]string{{"put", "b", "-"}, {"load", "-"}, {"load", "-", "--format", "csv"}} {
		for _, fed := range []string{"", strings.Repeat("{\"key\":\"k\",\"value\":\"v\"}\n", 30_000)} {
			if strings.Contains(strings.Join(args, " "), "csv") {
				fed = strings.ReplaceAll(fed, `{"key":"k","value":"v"}`, "k,v")
			}
			r := c.interrupted(fed, args...)
			if r.status != exitFailed || !strings.Contains(r.stderr, "interrupted") || r.stdout != "" {
				t.Errorf("%q: %+v", args, r)
			}
		}
	}
	if got := c.root(); got != root {
		t.Errorf("C3 violated: the root is %s, was %s", got, root)
	}
	if got := c.ok("scan"); got != "a\t1\n" {
		t.Errorf("C3 violated: %s", got)
	}
}

// interrupted runs a command, feeds it, and interrupts it while it waits for
// more.
func (c *cli) interrupted(fed string, args ...string) result {
	c.Helper()
	cmd := c.command(context.Background(), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		c.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	// A pipe holds 64 KiB or so: when more than that was written, the command
	// reads, and so has its signal handler in place. Blank lines are no input.
	if fed == "" {
		fed = strings.Repeat("\n", 1<<20)
	}
	if _, err := io.WriteString(in, fed); err != nil {
		c.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		c.Fatal(err)
	}
	err = cmd.Wait()
	in.Close()
	r := result{stdout: stdout.String(), stderr: stderr.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.status = exit.ExitCode()
		if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			c.Errorf("%q: killed by %v", args, s.Signal())
		}
	}
	return r
}

// Commands that come at once wait for each other.
func TestSideBySide(t *testing.T) {
	c := newStore(t)
	const n = 4
	done := make(chan error, n)
	for i := range n {
		go func() {
			out, err := c.command(context.Background(), "put", fmt.Sprint("key", i), "v").CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			done <- err
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := strings.Count(c.ok("scan"), "\n"); got != n {
		t.Errorf("%d entries", got)
	}
}
