package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fingerprint tells names, modes and content of the files below a directory.
func fingerprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files[path] = fmt.Sprint(info.Mode(), info.Size())
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			files[path] += fmt.Sprintf(" %x", sha256.Sum256(b))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// C2, with commits, tags, staged writes and values out of line in the store.
func TestReadCommandsChangeNothing(t *testing.T) {
	c := newStore(t)
	c.ok("put", "a", "1")
	c.okPipe(strings.Repeat("large ", 5000), "put", "b", "-")
	c.ok("branch", "draft")
	c.ok("tag", "v1")
	c.ok("put", "c", "3")
	c.ok("put", "--stage", "d", "4")
	c.okPipe(strings.Repeat("staged ", 5000), "put", "--stage", "e", "-")
	root, commit := c.root(), strings.Fields(c.ok("log", "-n", "1"))[0]
	store := filepath.Join(c.dir, defaultStore)
	before := fingerprint(t, store)
	for _, args := range [][]string{
		{"get", "a"}, {"get", "e"}, {"get", "b", "--ref", "v1"}, {"get", "nothing"}, {"get", "a", "--ref", "nothing"},
		{"scan"}, {"scan", "--reverse", "--ref", commit}, {"scan", "-o", "jsonl"}, {"dump"}, {"dump", "--format", "csv"},
		{"rank", "c"}, {"at", "2"}, {"at", "200"}, {"log"}, {"log", "c"}, {"log", "--exact", "a"}, {"blame", "a"}, {"blame", "a", "--ref", "v1"},
		{"branch"}, {"tag"}, {"root"}, {"root", "draft"}, {"diff", "main~1", "main"}, {"diff", "main"}, {"diff", root, "main", "--stat"},
		{"stat"}, {"stat", "main~1"}, {"tree"}, {"tree", "--depth", "-1"}, {"show", root}, {"show", commit}, {"show", "main"},
		{"prove", "a", "b", "--values"}, {"prove", "--range"}, {"prove", "--count", "--ref", commit}, {"prove", "--at", "1"}, {"verify", "-"},
		{"check"}, {"completion", "bash"}, {"version"}, {"help"}, {"__complete", "root", ""},
		{"--branch", "nothing", "scan"}, {"get"}, {"no such command"},
	} {
		c.run(args...)
		if after := fingerprint(t, store); !maps.Equal(before, after) {
			for path := range after {
				if after[path] != before[path] {
					t.Errorf("C2 violated by %q: %s", args, path)
				}
			}
			t.Fatalf("C2 violated by %q: %d files, %d before", args, len(after), len(before))
		}
	}
}

// Nothing makes a store but init.
func TestNoStore(t *testing.T) {
	c := newCLI(t)
	for _, args := range [][]string{
		{"get", "a"}, {"scan"}, {"dump"}, {"rank", "c"}, {"at", "2"}, {"log"}, {"branch"}, {"tag"}, {"root"}, {"diff", "a", "b"},
		{"stat"}, {"tree"}, {"show", "main"}, {"check"}, {"prove", "a"},
		{"put", "a", "1"}, {"del", "a"}, {"load", "-"}, {"commit"}, {"branch", "x"}, {"tag", "x"}, {"gc"},
		{"merge", "x"}, {"revert", "x"}, {"reset", "x"}, {"retain", "--last", "1"}, {"blame", "a"},
	} {
		c.fails(exitFailed, "init", args...)
	}
	if list, err := os.ReadDir(c.dir); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if r := c.run("get", "a", "--store", "else/where"); !strings.Contains(r.stderr, "--store else/where init") {
		t.Errorf("the hint does not name the store: %s", r.stderr)
	}
}
