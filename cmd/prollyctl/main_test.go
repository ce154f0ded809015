package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is the binary that the tests run.
var program string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prollyctl-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "prollyctl")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "go build:", err)
		return 1
	}
	return m.Run()
}

// cli runs commands in a directory of its own, which has no store yet.
type cli struct {
	*testing.T
	dir string
}

func newCLI(t *testing.T) *cli {
	t.Parallel()
	return &cli{t, t.TempDir()}
}

// newStore is newCLI with an empty store.
func newStore(t *testing.T) *cli {
	c := newCLI(t)
	c.ok("init")
	return c
}

// result is what a command did.
type result struct {
	stdout, stderr string
	status         int
}

func (c *cli) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "PROLLY_STORE=", "TZ=UTC")
	return cmd
}

// pipe runs a command with an input.
func (c *cli) pipe(stdin string, args ...string) result {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := c.command(ctx, args...)
	var out, err bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	r := result{}
	var exit *exec.ExitError
	if e := cmd.Run(); errors.As(e, &exit) {
		r.status = exit.ExitCode()
	} else if e != nil {
		c.Fatal(e)
	}
	r.stdout, r.stderr = out.String(), err.String()
	return r
}

func (c *cli) run(args ...string) result { c.Helper(); return c.pipe("", args...) }

// ok runs a command that must succeed and returns its output.
func (c *cli) ok(args ...string) string { c.Helper(); return c.okPipe("", args...) }

func (c *cli) okPipe(stdin string, args ...string) string {
	c.Helper()
	r := c.pipe(stdin, args...)
	if r.status != exitOK || r.stderr != "" {
		c.Fatalf("prollyctl %.200q: status %d\n%s", args, r.status, r.stderr)
	}
	return r.stdout
}

// fails runs a command that must end with a status, and with a message that has
// certain words in it.
func (c *cli) fails(status int, words string, args ...string) result {
	c.Helper()
	r := c.run(args...)
	if r.status != status || !strings.Contains(r.stderr, words) || status == exitFailed && r.stderr == "" {
		c.Errorf("C1: prollyctl %.200q: status %d, want %d; message %q, want %q in it", args, r.status, status, r.stderr, words)
	}
	return r
}

// json runs a command that must succeed and decodes its output.
func (c *cli) json(to any, args ...string) {
	c.Helper()
	out := c.ok(append(args, "-o", "json")...)
	dec := json.NewDecoder(strings.NewReader(out))
	if err := dec.Decode(to); err != nil || dec.More() {
		c.Fatalf("C4: prollyctl %q: not one JSON document: %v\n%s", args, err, out)
	}
}

// link is a CID in JSON.
type link struct {
	CID string `json:"/"`
}

// root returns the root of a REF.
func (c *cli) root(ref ...string) string {
	c.Helper()
	return strings.TrimSpace(c.ok(append([]string{"root"}, ref...)...))
}

// file writes a file into the directory.
func (c *cli) file(name, content string) string {
	c.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		c.Fatal(err)
	}
	return path
}

const emptyRoot = "bafyreiggt3tmb5s7rls7z2lmdtluypmwlbssolx52nejb2easdridoycgi"
