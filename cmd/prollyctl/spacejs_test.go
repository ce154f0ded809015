package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/javascript"
)

const jsDir = "testdata/js"

// node runs a command of client.mjs and returns what it prints.
func node(t *testing.T, env string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{filepath.Join(jsDir, "client.mjs")}, args...)...)
	cmd.Env = append(os.Environ(), env)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, stderr.Bytes())
	}
	return string(out), err
}

// spaceServer is a running "prollyctl space serve".
type spaceServer struct {
	*cli
	cmd      *exec.Cmd
	url, did string
	stderr   bytes.Buffer
}

const testDID = "did:web:service.example"

var listening = regexp.MustCompile(`^listening on (http://\S+) as (\S+)\n$`)

// serveSpaces starts a service, on a port of its choice or the one given.
func (c *cli) serveSpaces(listen string, args ...string) *spaceServer {
	c.Helper()
	args = append([]string{"--store", "srv", "space", "serve", "--listen", listen, "--did", testDID, "--key", "service.key",
		"--mail-dir", "mail", "--quiet"}, args...)
	s := &spaceServer{cli: c, cmd: c.command(context.Background(), args...)}
	s.cmd.Stderr = &s.stderr
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		c.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	m := listening.FindStringSubmatch(line)
	if err != nil || m == nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		c.Fatalf("first line %q, %v\n%s", line, err, s.stderr.String())
	}
	s.url, s.did = m[1], m[2]
	c.Cleanup(func() { s.stop(syscall.SIGTERM) })
	return s
}

// stop ends the service by a signal and waits for it; the second time does
// nothing.
func (s *spaceServer) stop(sig syscall.Signal) {
	s.Helper()
	if s.cmd.ProcessState != nil {
		return
	}
	s.cmd.Process.Signal(sig)
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if sig == syscall.SIGTERM && err != nil || err != nil && !errors.As(err, &exit) {
		s.Errorf("the service ended with %v\n%s", err, s.stderr.String())
	}
}

// key is the service's did:key, as its DID document has it.
func (s *spaceServer) key() string {
	s.Helper()
	var doc struct {
		Keys []struct {
			Key string `json:"publicKeyMultibase"`
		} `json:"verificationMethod"`
	}
	s.get("/.well-known/did.json", &doc)
	return "did:key:" + doc.Keys[0].Key
}

// TestSpaceJavaScript: requirements 4 to 6, 14 to 16 and 21 with the clients that
// others published, an attestor of the service's among them.
func TestSpaceJavaScript(t *testing.T) {
	javascript.Node(t, jsDir)
	c := newCLI(t)
	s := c.serveSpaces("127.0.0.1:0", "--capacity", "1000000")
	out, err := node(t, "MAIL_DIR="+filepath.Join(c.dir, "mail"), "suite", s.url, s.did, s.key(), filepath.Join(c.dir, "service.key"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log("\n" + out)
}

// TestSpaceQueueFromJavaScript: 50 invocations signed by JavaScript, queued
// offline, synced once: 50 receipts, which JavaScript verifies. Moved back and
// synced again nothing changes; nor does the deletion of all traces.
func TestSpaceQueueFromJavaScript(t *testing.T) {
	javascript.Node(t, jsDir)
	c := newCLI(t)
	s := c.serveSpaces("127.0.0.1:0", "--capacity", "1000000")
	c.ok("space", "create", "--key", "space.key")
	if err := os.Mkdir(filepath.Join(c.dir, "cars"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := node(t, "", "make", filepath.Join(c.dir, "cars"), filepath.Join(c.dir, "space.key"), s.did, "50")
	if err != nil {
		t.Fatal(err)
	}
	invocations := strings.Fields(out)
	args := []string{"space", "queue"}
	for i := range invocations {
		args = append(args, fmt.Sprintf("cars/%03d.car", i))
	}
	c.ok(args...)
	var sync struct {
		Root link `json:"root"`
		Ran  int  `json:"ran"`
	}
	c.json(&sync, "space", "sync", s.url)
	if sync.Ran != 50 || len(invocations) != 50 {
		t.Fatalf("%d of %d ran", sync.Ran, len(invocations))
	}
	root, usage := sync.Root, s.metric("space_invocations_total")
	verified, err := node(t, "", append([]string{"verify", s.url, s.did, s.key()}, invocations...)...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range strings.Fields(verified) {
		if got := strings.TrimSpace(c.ok("space", "get", "/receipt/"+invocations[i])); got != r {
			t.Errorf("the space has receipt %s, JavaScript verified %s", got, r)
		}
		if i == 4 {
			break // a process each: the root says the rest
		}
	}
	c.ok(args...) // moved back
	c.json(&sync, "space", "sync")
	if sync.Root != root || s.metric("space_invocations_total") != usage {
		t.Errorf("moved back: root %v, was %v; %d run, were %d", sync.Root, root, s.metric("space_invocations_total"), usage)
	}
	again, err := node(t, "", append([]string{"verify", s.url, s.did, s.key()}, invocations...)...)
	if err != nil || again != verified {
		t.Errorf("other receipts: %v", err)
	}
}
