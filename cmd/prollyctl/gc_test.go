package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestGCKeep: a history is cut off, and what was only in it is gone; what is
// kept reads as before.
func TestGCKeep(t *testing.T) {
	c := newStore(t)
	for i := range 6 {
		c.ok("put", "key", strings.Repeat(fmt.Sprint(i), 400))
	}
	var dry, wet, again gcInfo
	c.json(&dry, "gc", "--keep", "2", "--dry-run")
	c.json(&wet, "gc", "--keep", "2")
	c.json(&again, "gc")
	if dry.Removed.Nodes == 0 || dry.Removed != wet.Removed || !dry.DryRun || wet.DryRun {
		t.Errorf("would remove %+v, removed %+v", dry.Removed, wet.Removed)
	}
	if again.Removed.Nodes+again.Removed.Blobs != 0 || again.Kept != wet.Kept {
		t.Errorf("the second time it removed %+v and kept %+v", again.Removed, again.Kept)
	}
	if got := c.ok("get", "key"); !strings.HasPrefix(got, "5555") {
		t.Errorf("reads %.10s", got)
	}
	if n := strings.Count(c.ok("log", "-o", "jsonl"), "\n"); n != 2 {
		t.Errorf("%d commits are left", n)
	}
	c.ok("check")
	for _, bad := range []string{"0", "-1"} {
		if r := c.run("gc", "--keep", bad); r.status != 2 {
			t.Errorf("--keep %s: status %d", bad, r.status)
		}
	}
}
