//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo terminal: what is written to tty can be read from
// the other.
func terminal(t *testing.T) (other, tty *os.File) {
	t.Helper()
	other, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal("pseudo terminals are needed: ", err)
	}
	if err := unix.IoctlSetPointerInt(int(other.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(int(other.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return other, tty
}

// onTerminal runs a command whose stdout and stderr are terminals and returns
// what was shown on them.
func (c *cli) onTerminal(stdin io.Reader, args ...string) (stdout, stderr string) {
	c.Helper()
	cmd := c.command(c.Context(), args...)
	cmd.Stdin = stdin
	var shown [2]bytes.Buffer
	done := make(chan error, len(shown))
	var ttys []*os.File
	for i := range shown {
		other, tty := terminal(c.T)
		defer other.Close()
		ttys = append(ttys, tty)
		go func() {
			_, err := io.Copy(&shown[i], other)
			if errors.Is(err, syscall.EIO) { // the last writer has closed the terminal
				err = nil
			}
			done <- err
		}()
	}
	cmd.Stdout, cmd.Stderr = ttys[0], ttys[1]
	if err := cmd.Run(); err != nil {
		c.Errorf("%q: %v", args, err)
	}
	for _, tty := range ttys {
		tty.Close()
	}
	for range shown {
		if err := <-done; err != nil {
			c.Fatal(err)
		}
	}
	return shown[0].String(), shown[1].String()
}

// C5: nothing that is stored acts on the terminal.
func TestTerminal(t *testing.T) {
	c := newStore(t)
	const evil = "\x1b]0;title\x07\x1b[2J\u202eabc\u009b31m\xff\r"
	c.ok("put", evil, evil, "-m", evil)
	c.ok("put", "safe", "é漢🙂")
	c.ok("prove", evil, evil+"not there", "-f", "keys.proof")
	c.ok("prove", "--range", "--from", evil, "-f", "range.proof")
	c.ok("prove", "--rank", evil, "-f", "rank.proof")
	for _, args := range [][]string{
		{"prove", evil, "-f", evil + ".proof"}, {"verify", "keys.proof"}, {"verify", "keys.proof", "--get", evil},
		{"verify", "range.proof"}, {"verify", "range.proof", "-o", "json"}, {"verify", "rank.proof"}, {"prove", evil, "-o", "json"},
		{"get", evil}, {"get", evil, "-o", "json"}, {"scan"}, {"scan", "-o", "json"}, {"dump"}, {"dump", "--format", "csv"},
		{"at", "0"}, {"log"}, {"log", "-o", "jsonl"}, {"diff", emptyRoot, emptyRoot}, {"show", "main~1"}, {"show", c.root()},
		{"show", c.root(), "-o", "json"}, {"tree"}, {"branch"},
	} {
		out, errs := c.onTerminal(nil, args...)
		if i := strings.IndexFunc(strings.ReplaceAll(out+errs, "\r\n", "\n"), dangerous); i >= 0 {
			t.Errorf("C5 violated by %q: %q", args, out)
		}
	}
	if out, _ := c.onTerminal(nil, "get", "safe"); out != "é漢🙂\r\n" {
		t.Errorf("%q", out)
	}
	if r := c.run("get", evil+"x"); strings.IndexFunc(strings.TrimSpace(r.stderr), dangerous) >= 0 {
		t.Errorf("C5 violated by a message: %q", r.stderr)
	}
	if r := c.run("load", evil+".csv"); strings.IndexFunc(strings.TrimSpace(r.stderr), dangerous) >= 0 {
		t.Errorf("C5 violated by a message: %q", r.stderr)
	}
	if r := c.run("root", evil); strings.IndexFunc(strings.ReplaceAll(r.stderr, "\n", ""), dangerous) >= 0 {
		t.Errorf("C5 violated by a message: %q", r.stderr)
	}
}

// C5: a proof is not for a terminal.
func TestProveOnTerminal(t *testing.T) {
	c := newStore(t)
	other, tty := terminal(t)
	defer other.Close()
	defer tty.Close()
	cmd := c.command(t.Context(), "prove", "a")
	cmd.Stdout = tty
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("C5 violated: %v", err)
	}
}

func dangerous(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0xfffd
}

// A load shows how far it is, on stderr when it is a terminal and not else.
func TestProgress(t *testing.T) {
	c := newStore(t)
	var b strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&b, "key %d\tsome value that makes the file longer\n", i)
	}
	c.file("data.txt", b.String())
	out, bar := c.onTerminal(nil, "load", "data.txt")
	if !strings.Contains(bar, "data.txt") || !strings.Contains(bar, "entries") || !strings.Contains(bar, "%") || !strings.Contains(bar, "iB/s") {
		t.Errorf("%q", bar)
	}
	if !strings.HasPrefix(out, "loaded 300,000 entries\r\nmain #1") {
		t.Errorf("%q", out)
	}
	_, bar = c.onTerminal(strings.NewReader("a\t1\n"), "load", "-", "--format", "lines")
	if !strings.Contains(bar, "stdin") {
		t.Errorf("%q", bar)
	}
	out, bar = c.onTerminal(nil, "check")
	if !strings.Contains(bar, "check: ") || !strings.Contains(bar, " nodes") || out != "no problem found\r\n" {
		t.Errorf("%q %q", out, bar)
	}
	if r := c.run("check"); r.stderr != "" || r.status != exitOK {
		t.Errorf("C4 violated: %q", r.stderr)
	}
	if r := c.run("load", "data.txt"); r.stderr != "" || r.status != exitOK {
		t.Errorf("C4 violated: %q", r.stderr)
	}
}
