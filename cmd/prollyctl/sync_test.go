//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// serving runs prollyctl serve until the test ends, which it must do in order.
func (c *cli) serving(store string, args ...string) (address string) {
	c.Helper()
	cmd := c.command(c.Context(), append([]string{"--store", store, "serve", "--listen", "127.0.0.1:0"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.Fatal(err)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { // the context of the test has ended
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 0 {
			c.Errorf("serve: %v: %s", err, stderr.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		c.Fatalf("serve printed %q: %v %s", line, err, stderr.String())
	}
	return address
}

// summary runs a command that syncs, and returns what it says.
func (c *cli) summary(args ...string) (info syncInfo) {
	c.Helper()
	if err := json.Unmarshal([]byte(c.ok(append(args, "-o", "json")...)), &info); err != nil {
		c.Fatal(err)
	}
	return info
}

// A branch goes to a server, from there into another store, and back with edits
// of both sides.
func TestServeCloneKeepInStep(t *testing.T) {
	c := newCLI(t)
	if err := os.WriteFile(filepath.Join(c.dir, "token"), []byte("a secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"hub", "a"} {
		c.ok("--store", store, "init")
	}
	address := c.serving("hub", "--write", "--token-file", "token", "--public-read")
	c.ok("--store", "a", "remote", "add", "origin", address, "--token-file", "token")
	if got := c.ok("--store", "a", "remote", "ls"); !strings.Contains(got, address) {
		t.Errorf("remote ls: %q", got)
	}
	c.ok("--store", "a", "put", "one", "1")
	c.ok("--store", "a", "put", "two", "2")
	sent := c.summary("--store", "a", "push")
	if sent.RoundTrips > 2 || sent.Commits != 2 || sent.Bytes == 0 || sent.Outcome == "" {
		t.Errorf("push: %+v", sent)
	}
	got := c.summary("clone", address, "b")
	if got.Commit != sent.Commit || got.Entries != 2 || got.Commits != 2 {
		t.Errorf("clone: %+v", got)
	}
	shallow := c.summary("clone", address, "shallow", "--depth", "1")
	if shallow.Commit != sent.Commit || shallow.Commits != 1 {
		t.Errorf("clone --depth 1: %+v", shallow)
	}
	for _, store := range []string{"b", "shallow", "hub"} {
		if store == "hub" {
			continue // it is being served
		}
		c.ok("--store", store, "check")
		c.ok("--store", store, "gc")
	}
	c.ok("--store", "b", "put", "three", "3")
	if r := c.run("--store", "b", "push"); r.status != exitFailed || !strings.Contains(r.stderr, "token") {
		t.Errorf("push without a token: %+v", r)
	}
	c.ok("--store", "b", "remote", "rm", "origin")
	c.ok("--store", "b", "remote", "add", "origin", address, "--token-file", "token")
	c.ok("--store", "b", "push")
	c.ok("--store", "a", "put", "four", "4")
	c.ok("--store", "a", "put", "one", "ours")
	if r := c.run("--store", "a", "push"); r.status != exitNo || !strings.Contains(r.stderr, "--resolve") {
		t.Errorf("push of what has diverged: %+v", r)
	}
	merged := c.summary("--store", "a", "push", "--resolve", "ours")
	if merged.Entries != 4 {
		t.Errorf("push --resolve: %+v", merged)
	}
	if got := c.summary("--store", "b", "pull"); got.Commit != merged.Commit || got.RoundTrips != 1 || got.Outcome != "fast-forward" {
		t.Errorf("pull: %+v", got)
	}
	if got := c.ok("--store", "b", "scan"); got != "four\t4\none\tours\nthree\t3\ntwo\t2\n" {
		t.Errorf("scan: %q", got)
	}
	if got := c.summary("--store", "shallow", "pull"); got.Commit != merged.Commit {
		t.Errorf("pull of a shallow clone: %+v", got)
	}
	root := strings.TrimSpace(c.ok("--store", "a", "root", "-o", "jsonl"))
	c.gateway(address, root)
}

// gateway asks for a tree as IPFS clients do, and imports it.
func (c *cli) gateway(address, root string) {
	c.Helper()
	var info struct {
		Root map[string]string `json:"root"`
	}
	if err := json.Unmarshal([]byte(root), &info); err != nil {
		c.Fatal(err)
	}
	resp, err := http.Get(address + "/ipfs/" + info.Root["/"] + "?format=car")
	if err != nil {
		c.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
		c.Fatalf("%s: %v", resp.Status, err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "tree.car"), b, 0o600); err != nil {
		c.Fatal(err)
	}
	c.ok("--store", "imported", "init")
	c.ok("--store", "imported", "import", "tree.car")
	if got := c.ok("--store", "imported", "scan", "--keys"); strings.Count(got, "\n") != 4 {
		c.Errorf("imported: %q", got)
	}
}

// What others may have seen is taken back where the server allows it.
func TestPushForce(t *testing.T) {
	c := newCLI(t)
	if err := os.WriteFile(filepath.Join(c.dir, "token"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.fails(exitFailed, "--allow-force needs --write", "serve", "--allow-force")
	for _, force := range []bool{false, true} {
		hub, a := fmt.Sprint("hub", force), fmt.Sprint("a", force)
		args := []string{"--write", "--token-file", "token"}
		if force {
			args = append(args, "--allow-force")
		}
		c.ok("--store", hub, "init")
		c.ok("--store", a, "init")
		address := c.serving(hub, args...)
		c.ok("--store", a, "remote", "add", "origin", address, "--token-file", "token")
		c.ok("--store", a, "put", "one", "1")
		first := c.summary("--store", a, "push")
		c.ok("--store", a, "put", "two", "2")
		c.ok("--store", a, "push")
		c.ok("--store", a, "reset", first.Commit.String())
		c.fails(exitFailed, "exclude each other", "--store", a, "push", "--force", "--resolve", "ours")
		if !force {
			c.fails(exitFailed, "lets nobody", "--store", a, "push", "--force")
			continue
		}
		if got := c.summary("--store", a, "push", "--force"); got.Outcome != "replaced" || got.Commit != first.Commit {
			t.Errorf("push --force: %+v", got)
		}
	}
}

// A server is read-only unless told otherwise, and what is no server is told.
func TestServeRefuses(t *testing.T) {
	c := newStore(t)
	c.ok("put", "a", "1")
	if r := c.run("serve", "--write"); r.status != exitFailed {
		t.Errorf("serve --write: %+v", r)
	}
	c.ok("--store", "other", "init")
	address := c.serving(".prolly")
	c.ok("--store", "other", "put", "b", "2")
	c.ok("--store", "other", "remote", "add", "origin", address)
	if r := c.run("--store", "other", "push"); r.status != exitFailed || !strings.Contains(r.stderr, "read-only") {
		t.Errorf("push: %+v", r)
	}
	if r := c.run("--store", "other", "pull"); r.status != exitNo {
		t.Errorf("pull of what has diverged: %+v", r)
	}
	for _, args := range [][]string{
		{"remote", "add", "origin", "http://x"}, {"remote", "add", "a/b", "http://x"}, {"remote", "add", "x", "ftp://x"},
		{"remote", "add", "x", "nothing"}, {"push", "nowhere"}, {"clone", address, "other"},
		{"--branch", "none", "clone", address, "new"}, {"pull", "--resolve", "maybe"},
	} {
		if r := c.run(append([]string{"--store", "other"}, args...)...); r.status == exitOK {
			t.Errorf("%q: %+v", args, r)
		}
	}
	if _, err := os.Stat(filepath.Join(c.dir, "new")); !os.IsNotExist(err) {
		t.Errorf("a clone that failed left %v", err)
	}
	if got := fmt.Sprint(c.summary("--store", "other", "pull", "--replace").Entries); got != "1" {
		t.Errorf("pull --replace: %s entries", got)
	}
}
