package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// C4: every command's JSON is JSON, and has the fields that are promised.
func TestJSON(t *testing.T) {
	c := newStore(t)
	c.okPipe(strings.Repeat("x", 3000), "put", "blob", "-")
	c.ok("put", "a", "1", "-m", "first")
	c.ok("put", "b", "\x1b")
	c.ok("tag", "v1")
	for _, test := range []struct {
		args   string
		fields string
	}{
		{"init", "store branch created"},
		{"put k v", "root commit branch entries bytes height parents seq time message"},
		{"put --stage k w", "branch staged"},
		{"commit -m x", "root commit branch entries bytes height parents seq time message"},
		{"del k", "root commit branch entries bytes height parents seq time message"},
		{"get a", "key value"},
		{"at 0", "key value"},
		{"rank b", "key rank found"},
		{"prove a", "root ask bytes proof"},
		{"prove --range -f range.proof", "root ask bytes file"},
		{"verify range.proof", "verified root rootGiven ask entries"},
		{"prove --count -f count.proof", "root ask bytes file"},
		{"verify count.proof", "verified root rootGiven ask count"},
		{"prove --rank b zz -f rank.proof", "root ask bytes file"},
		{"verify rank.proof", "verified root rootGiven ask keys"},
		{"prove --at 0 -f at.proof", "root ask bytes file"},
		{"verify at.proof", "verified root rootGiven ask index entries"},
		{"root", "root commit branch entries bytes height"},
		{"root main~1", "root commit branch entries bytes height"},
		{"diff main main --stat", "added removed changed nodesRead nodesDiffering"},
		{"stat", "root entries bytes height nodes nodeBytes levels blobs blobBytes diskBytes"},
		{"tree", "cid level items entries bytes weight firstKey"},
		{"show main", "kind cid size root parents seq time message"},
		{"check", "ok problems"},
		{"gc", "kept removed diskBytes"},
		{"version", "version format go platform"},
		{"merge main~1", "root commit branch entries bytes height parents seq time message outcome bases theirs taken same conflicts adopted nodesRead"},
		{"blame a", "key value commit root parents seq time message"},
		{"revert main", "root commit branch entries bytes height parents seq time message reverted conflicts"},
		{"retain --last 1000", "dryRun kept cuts"},
		{"reset main", "root commit branch entries bytes height"},
		{"branch x", "root commit branch"},
		{"branch -m x y", "branch was commit"},
		{"branch -d y", "deleted commit"},
		{"tag t", "tag cid"},
		{"tag -d t", "deleted cid"},
	} {
		var got map[string]any
		c.json(&got, strings.Fields(test.args)...)
		for _, f := range strings.Fields(test.fields) {
			if _, ok := got[f]; !ok {
				t.Errorf("C4: %s: no %q in %v", test.args, f, got)
			}
		}
	}
	for args, n := range map[string]int{"scan": 4, "scan --keys": 4, "log": 7, "log --exact a": 1, "branch": 1, "tag": 1, "scan --prefix zz": 0} {
		var list []map[string]any
		c.json(&list, strings.Fields(args)...)
		out := c.ok(append(strings.Fields(args), "-o", "jsonl")...)
		if len(list) != n || strings.Count(out, "\n") != n {
			t.Errorf("C4: %s: %d and %d results, want %d", args, len(list), strings.Count(out, "\n"), n)
		}
		for line := range strings.Lines(out) {
			if !json.Valid([]byte(line)) {
				t.Errorf("C4: %s: %s", args, line)
			}
		}
	}
}

func TestStatLevels(t *testing.T) {
	c := newStore(t)
	var b strings.Builder
	for range 20_000 {
		b.WriteString("line\n")
	}
	c.okPipe(b.String(), "load", "-", "--format", "lines", "--line-numbers")
	var got struct {
		Entries, Nodes, NodeBytes uint64
		Height                    int
		Levels                    []struct {
			Level, Min, Max, P99 int
			Nodes, Bytes         uint64
			Mean, CV             float64
		}
	}
	c.json(&got, "stat")
	if got.Entries != 20_000 || got.Height != len(got.Levels) || got.Height < 3 {
		t.Errorf("%+v", got)
	}
	var nodes, size uint64
	for i, l := range got.Levels {
		nodes, size = nodes+l.Nodes, size+l.Bytes
		if l.Level != i || l.Nodes > 1 && (l.Min < 1280 || l.Max > 3840 || l.P99 > l.Max || l.Mean < 1280 || l.CV <= 0) {
			t.Errorf("%+v", l)
		}
	}
	if nodes != got.Nodes || size != got.NodeBytes {
		t.Errorf("%d nodes of %d bytes: %+v", nodes, size, got)
	}
}

// nodesRead follows the change.
func TestDiffStat(t *testing.T) {
	c := newStore(t)
	var b strings.Builder
	for range 50_000 {
		b.WriteString("line\n")
	}
	c.okPipe(b.String(), "load", "-", "--format", "lines", "--line-numbers")
	c.ok("put", "000000025000", "changed")
	c.ok("put", "zzz", "added")
	c.ok("del", "000000000001")
	r := c.run("diff", "main~3", "main", "--stat", "-o", "json")
	var d diffStat
	if err := json.Unmarshal([]byte(r.stdout), &d); err != nil || r.status != exitNo {
		t.Fatal(r, err)
	}
	if d.Added != 1 || d.Removed != 1 || d.Changed != 1 || d.NodesRead > 40 || d.NodesDiffering > d.NodesRead || d.NodesDiffering == 0 {
		t.Errorf("%+v", d)
	}
	r = c.run("diff", "main~3", "main", "--prefix", "zz", "-o", "jsonl")
	if r.status != exitNo || r.stdout != `{"op":"add","key":"zzz","new":"added"}`+"\n" {
		t.Errorf("%+v", r)
	}
	r = c.run("diff", "main~3", "main", "-o", "jsonl")
	want := `{"op":"remove","key":"000000000001","old":"line"}
{"op":"change","key":"000000025000","old":"line","new":"changed"}
{"op":"add","key":"zzz","new":"added"}
`
	if r.stdout != want {
		t.Errorf("%s", r.stdout)
	}
}

// A link's JSON form is a REF too.
func TestLinkIsRef(t *testing.T) {
	c := newStore(t)
	c.ok("put", "a", "1")
	var info struct{ Root, Commit json.RawMessage }
	c.json(&info, "root")
	for _, ref := range []json.RawMessage{info.Root, info.Commit} {
		if got := c.root(string(ref)); got != c.root() {
			t.Errorf("%s: %s", ref, got)
		}
		c.ok("show", string(ref))
	}
}
