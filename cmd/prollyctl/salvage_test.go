package main

import (
	"os"
	"path/filepath"
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
	c.ok("--store", "before", "salvage", "rescued")
	if got := c.root("--store", "rescued", "main"); got != root {
		t.Errorf("what was rescued has root %s, not %s", got, root)
	}
	c.ok("--store", "rescued", "check")
}
