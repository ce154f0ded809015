package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	c := newCLI(t)
	tmp := filepath.Join(c.dir, "tmp")
	if err := os.Mkdir(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := c.command(t.Context(), "demo")
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if list, err := os.ReadDir(tmp); err != nil || len(list) > 0 {
		t.Errorf("the demo left %v behind, %v", list, err)
	}
	if list, _ := os.ReadDir(c.dir); len(list) != 1 {
		t.Errorf("the demo left %v behind", list)
	}
	for _, want := range []string{"U+01F600  GRINNING FACE", "~ U+01F600\tGRINNING FACE\t→\tHAPPY FACE", "- U+01F4A9", "nodes were read", "CRAB", "level 1", "cv"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demo does not say %q:\n%s", want, out)
		}
	}
	if strings.ContainsAny(string(out), "\x1b\r") {
		t.Error("C5 violated: escape sequences into a pipe")
	}

	var info struct {
		Entries              uint64
		First, Second, Again link
		Diff                 diffStat
		Nodes                uint64
	}
	c.json(&info, "demo", "--keep", "kept")
	if info.Entries < 280_000 || info.First == info.Second || info.First != info.Again {
		t.Errorf("%+v", info)
	}
	for _, root := range []string{info.First.CID, info.Second.CID} {
		if !strings.Contains(string(out), root) {
			t.Errorf("two runs, two roots: %s", root)
		}
	}
	d := info.Diff
	if d.Added != 1 || d.Removed != 1 || d.Changed != 3 || d.NodesRead > 60 || d.NodesRead*10 > d.NodesDiffering*11 || info.Nodes < 4000 {
		t.Errorf("%+v", info)
	}
	if got := c.root("main~1", "--store", "kept"); got != info.First.CID {
		t.Errorf("kept: %s", got)
	}
	c.fails(exitFailed, "not empty", "demo", "--keep", "kept")
}
