package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// C1, C3: every mistake has its status and a message, and leaves the branch as
// it was.
func TestBadInput(t *testing.T) {
	c := newStore(t)
	c.ok("put", "a", "1")
	root := c.root()
	long := strings.Repeat("k", 1025)
	const missing = "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
	for _, test := range []struct {
		status int
		words  string
		args   []string
	}{
		{exitFailed, "unknown command", []string{"frobnicate"}},
		{exitFailed, "unknown flag", []string{"scan", "--frob"}},
		{exitFailed, "unknown shorthand", []string{"put", "a", "-5"}},
		{exitFailed, "use one of", []string{"scan", "-o", "xml"}},
		{exitFailed, "2 wanted", []string{"put", "a"}},
		{exitFailed, "2 taken", []string{"put", "a", "b", "c"}},
		{exitFailed, "1 wanted", []string{"get"}},
		{exitFailed, "0 taken", []string{"scan", "x"}},
		{exitFailed, "empty key", []string{"put", "", "x"}},
		{exitFailed, "key too long", []string{"put", long, "x"}},
		{exitFailed, "empty key", []string{"del", ""}},
		{exitFailed, "key too long", []string{"del", long}},
		{exitNo, "not found", []string{"get", ""}},
		{exitNo, "not found", []string{"get", long}},
		{exitNo, "not found", []string{"get", "b"}},
		{exitNo, "not found", []string{"del", "b"}},
		{exitNo, "not found", []string{"at", "1"}},
		{exitNo, "not found", []string{"show", missing}},
		{exitFailed, "unknown ref", []string{"root", missing}},
		{exitFailed, "unknown ref", []string{"root", "main~5"}},
		{exitFailed, "unknown ref", []string{"root", "main~x"}},
		{exitFailed, "unknown ref", []string{"get", "a", "--ref", "nothing"}},
		{exitFailed, "unknown ref", []string{"diff", "main", "nothing"}},
		{exitFailed, "unknown ref", []string{"stat", "nothing"}},
		{exitFailed, "unknown ref", []string{"tree", "nothing"}},
		{exitFailed, "unknown ref", []string{"branch", "x", "nothing"}},
		{exitFailed, "unknown ref", []string{"tag", "x", "nothing"}},
		{exitFailed, "bad name", []string{"branch", "a\nb"}},
		{exitFailed, "bad name", []string{"tag", strings.Repeat("x", 300)}},
		{exitFailed, "bad name", []string{"--branch", "a\x1bb", "put", "a", "1"}},
		{exitFailed, "is no place", []string{"at", "x"}},
		{exitFailed, "hex", []string{"get", "--hex", "xyz"}},
		{exitFailed, "link", []string{"put", "--link", "l", "not a cid"}},
		{exitFailed, "below 0", []string{"scan", "--limit", "-1"}},
		{exitFailed, "below 0", []string{"prove", "--range", "--limit", "-1"}},
		{exitFailed, "which KEY", []string{"prove"}},
		{exitFailed, "which KEY", []string{"prove", "--rank"}},
		{exitFailed, "does not go with --range", []string{"prove", "a", "--range"}},
		{exitFailed, "does not go with --at", []string{"prove", "a", "--at", "0"}},
		{exitFailed, "use one of", []string{"prove", "--count", "--range"}},
		{exitFailed, "go with --range or --count", []string{"prove", "a", "--prefix", "b"}},
		{exitFailed, "go with --range", []string{"prove", "--count", "--limit", "1"}},
		{exitFailed, "go with --range", []string{"prove", "a", "--reverse"}},
		{exitFailed, "does not go with --count", []string{"prove", "--count", "--values"}},
		{exitFailed, "1 to 1,024 bytes", []string{"prove", ""}},
		{exitFailed, "1 to 1,024 bytes", []string{"prove", long}},
		{exitFailed, "bad key", []string{"prove", "--range", "--from", long}},
		{exitFailed, "hex", []string{"prove", "--hex", "xyz"}},
		{exitFailed, "invalid argument", []string{"prove", "--at", "-1"}},
		{exitFailed, "unknown ref", []string{"prove", "a", "--ref", "nothing"}},
		{exitFailed, "no such file", []string{"prove", "a", "-f", "no/such/place"}},
		{exitFailed, "1 wanted", []string{"verify"}},
		{exitFailed, "no such file", []string{"verify", "nothing"}},
		{exitFailed, "is no root", []string{"verify", "-", "x"}},
		{exitFailed, "below 0", []string{"log", "--limit", "-1"}},
		{exitFailed, "below 0", []string{"tree", "--width", "-1"}},
		{exitFailed, "no such file", []string{"load", "nothing.jsonl"}},
		{exitFailed, "takes one", []string{"branch", "-d"}},
		{exitFailed, "takes two", []string{"branch", "-m", "x"}},
		{exitFailed, "goes with", []string{"branch", "-f"}},
	} {
		c.fails(test.status, test.words, test.args...)
	}
	if got := c.root(); got != root {
		t.Errorf("C3 violated: the root is %s, was %s", got, root)
	}
	if out := c.ok("branch", "-o", "jsonl"); strings.Count(out, "\n") != 1 || !strings.Contains(out, `"staged":0`) {
		t.Errorf("C3 violated: %s", out)
	}
}

// A directory that holds something else is no store, and stays as it is.
func TestForeignDirectory(t *testing.T) {
	c := newCLI(t)
	c.file("letter.txt", "not a store")
	for _, args := range [][]string{{"init"}, {"put", "a", "1"}, {"get", "a"}, {"check"}} {
		if r := c.run(append(args, "--store", c.dir)...); r.status != exitFailed || r.stderr == "" {
			t.Errorf("%q: %+v", args, r)
		}
	}
	c.fails(exitFailed, "letter.txt", "get", "a", "--store", "letter.txt")
	c.fails(exitFailed, "letter.txt", "init", "--store", "letter.txt")
	if list, err := os.ReadDir(c.dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// A store that this process holds is in use for the program.
func TestHeldStore(t *testing.T) {
	c := newStore(t)
	e, err := engine.Open(filepath.Join(c.dir, defaultStore), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.fails(exitFailed, "in use", "get", "a")
	c.fails(exitFailed, "in use", "put", "a", "1")
	c.fails(exitFailed, "in use", "check")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	c.ok("put", "a", "1")
}

// Damage is found by check, with status 1, and never read as something else.
func TestDamage(t *testing.T) {
	c := newStore(t)
	lines := new(strings.Builder)
	for i := range 5000 {
		lines.WriteString(strings.Repeat("x", i%50) + "\n")
	}
	c.okPipe(lines.String(), "load", "-", "--format", "lines", "--line-numbers")
	want := c.ok("dump")
	damaged := 0
	store := filepath.Join(c.dir, defaultStore)
	for path := range fingerprint(t, store) {
		whole, err := os.ReadFile(path)
		if err != nil || len(whole) < 16<<10 {
			continue
		}
		bad := bytes.Clone(whole)
		for at := 4 << 10; at < len(bad); at += 8 << 10 {
			bad[at] ^= 0x10
		}
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		check, dump := c.run("check"), c.run("dump")
		if dump.status == exitOK && dump.stdout != want {
			t.Errorf("%s: damage was read as content", path)
		}
		if check.status == exitNo && check.stdout != "" {
			damaged++
		}
		if check.status != exitOK && check.status != exitNo {
			t.Errorf("%s: check: %+v", path, check)
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if damaged == 0 {
		t.Error("no damage was noticed")
	}
	c.ok("check")
}
