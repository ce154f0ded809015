package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSalvage: a store is copied whole, also when it was rolled back and does
// not open any more.
func TestSalvage(t *testing.T) {
	c := newStore(t)
	c.ok("put", "a", "1")
	c.ok("put", "b", "2")
	root := c.root()
	store := filepath.Join(c.dir, ".prolly")
	var info salvageInfo
	c.json(&info, "salvage", "copy")
	if info.Refs != 1 || info.Commits != 2 || info.Same != 2 || info.Losses != 0 {
		t.Errorf("%+v", info)
	}
	if got := c.root("--store", "copy", "main"); got != root {
		t.Errorf("the copy has root %s, not %s", got, root)
	}
	c.fails(exitFailed, "not empty", "salvage", "copy")

	before := filepath.Join(c.dir, "before")
	if err := os.CopyFS(before, os.DirFS(store)); err != nil {
		t.Fatal(err)
	}
	c.ok("put", "c", "3")
	head, err := os.ReadFile(filepath.Join(store, "data", "HEAD"))
	if err == nil {
		err = os.WriteFile(filepath.Join(before, "data", "HEAD"), head, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.fails(exitFailed, "rolled back", "--store", "before", "get", "a")
	if r := c.fails(exitNo, "", "--store", "before", "salvage", "rescued"); !strings.Contains(r.stdout, "lost: ") || !strings.Contains(r.stdout, "rolled back") {
		t.Errorf("%q", r.stdout)
	}
	if got := c.root("--store", "rescued", "main"); got != root {
		t.Errorf("what was rescued has root %s, not %s", got, root)
	}
	c.ok("--store", "rescued", "check")
}

// Salvage needs none of what Pebble keeps about its files.
func TestSalvageWithoutManifest(t *testing.T) {
	c := newStore(t)
	for _, key := range []string{"a", "b", "c"} {
		c.ok("put", key, strings.Repeat(key, 10_000))
	}
	root := c.root()
	files, err := filepath.Glob(filepath.Join(c.dir, ".prolly", "data", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if ext := filepath.Ext(file); ext != ".sst" && ext != ".blob" && ext != ".log" && filepath.Base(file) != "HEAD" {
			if err := os.Truncate(file, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.fails(exitFailed, "corrupt", "get", "a")
	var info salvageInfo
	c.json(&info, "salvage", "copy")
	if info.Commits != 3 || info.Same != 3 || info.Losses != 0 {
		t.Errorf("%+v", info)
	}
	if got := c.root("--store", "copy", "main"); got != root {
		t.Errorf("the copy has root %s, not %s", got, root)
	}
}
