package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	carv2 "github.com/ipld/go-car/v2"
)

// carStore is a store with three commits of entries of all kinds.
func carStore(t *testing.T) *cli {
	c := newStore(t)
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("seed", seed)
		}
	})
	c.file("data.jsonl", mixedLines(rand.New(rand.NewPCG(seed, 0)), 1500))
	c.ok("load", "data.jsonl")
	c.okPipe(strings.Repeat("large value ", 200_000), "put", "large", "-")
	c.ok("put", "last", "one")
	return c
}

// listed reads a file of the store's directory with go-car, which verifies all
// blocks, and returns the root and their number.
func (c *cli) listed(name string) (root string, n int) {
	c.Helper()
	f, err := os.Open(filepath.Join(c.dir, name))
	if err != nil {
		c.Fatal(err)
	}
	defer f.Close()
	r, err := carv2.NewBlockReader(f)
	if err != nil {
		c.Fatal(err)
	}
	for {
		if _, err := r.Next(); err == io.EOF {
			return r.Roots[0].String(), n
		} else if err != nil {
			c.Fatal(err)
		}
		n++
	}
}

func TestExportImport(t *testing.T) {
	c := carStore(t)
	var info carInfo
	c.json(&info, "export", "main", "all.car")
	stat, err := os.Stat(filepath.Join(c.dir, "all.car"))
	if err != nil || uint64(stat.Size()) != info.Bytes || info.Commits != 3 {
		t.Errorf("%+v, %v", info, err)
	}
	if root, n := c.listed("all.car"); root != info.Root.String() || uint64(n) != info.Commits+info.Nodes+info.Blobs+info.Linked {
		t.Errorf("go-car finds %d blocks of %s: %+v", n, root, info)
	}
	if piped := c.ok("export", "main"); len(piped) != int(info.Bytes) {
		t.Errorf("%d bytes on standard output", len(piped))
	}
	c.ok("init", "--store", "copy")
	var got importInfo
	c.json(&got, "import", "all.car", "--store", "copy")
	if !got.Moved || got.Commit != info.Root || got.Root.String() != c.root() || got.File.Nodes != info.Nodes {
		t.Errorf("%+v", got)
	}
	if a, b := c.ok("log"), c.ok("log", "--store", "copy"); a != b {
		t.Errorf("another history:\n%s\n%s", a, b)
	}
	if a, b := c.ok("dump"), c.ok("dump", "--store", "copy"); a != b {
		t.Error("other entries")
	}
	c.ok("check", "--store", "copy")
	if out := c.ok("import", "all.car", "--store", "copy"); !strings.Contains(out, "has it already") {
		t.Error(out)
	}
	c.ok("put", "more", "entries")
	c.json(&info, "export", "main", "new.car", "--without", "main~1")
	if info.Commits != 1 || info.Nodes > 5 || info.Blobs > 0 {
		t.Errorf("%+v", info)
	}
	c.ok("import", "new.car", "--store", "copy")
	if a, b := c.root(), c.root("--store", "copy"); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestImportRefuses(t *testing.T) {
	c := carStore(t)
	c.ok("export", "main", "all.car")
	c.ok("export", "main", "head.car", "--depth", "1")
	c.ok("init", "--store", "own")
	own := func(args ...string) []string { return append(args, "--store", "own") }
	before := c.root(own()...)
	b, err := os.ReadFile(filepath.Join(c.dir, "all.car"))
	if err != nil {
		t.Fatal(err)
	}
	c.file("short.car", string(b[:len(b)/2]))
	b[len(b)-1]++
	c.file("bad.car", string(b))
	c.fails(exitFailed, "breaks off", own("import", "short.car")...)
	c.fails(exitFailed, "bad.car: ", own("import", "bad.car")...)
	c.fails(exitFailed, "--shallow", own("import", "head.car")...)
	c.fails(exitFailed, "no such file", own("import", "none.car")...)
	c.fails(exitFailed, "malformed", own("import", "data.jsonl")...)
	c.fails(exitFailed, "over budget", own("import", "all.car", "--max-block", "1000")...)
	c.fails(exitFailed, "no such branch", own("root", "--branch", "other")...)
	c.fails(exitFailed, "breaks off", own("import", "short.car", "--branch", "other")...)
	if c.root(own()...) != before || strings.Contains(c.ok(own("branch")...), "other") {
		t.Error("C3 violated")
	}
	c.ok(own("put", "own", "entry")...)
	c.fails(exitFailed, "--branch NAME", own("import", "all.car")...)
	if r := c.run(own("import", "all.car", "--branch", "theirs")...); r.status != exitOK || c.root(own("theirs")...) != c.root() {
		t.Errorf("%+v", r)
	}
	if r := c.run(own("import", "head.car", "--shallow", "--branch", "cut")...); r.status != exitOK {
		t.Errorf("%+v", r)
	}
	c.fails(exitFailed, "unknown ref", "export", "nothing", "x.car")
	c.fails(exitFailed, "unknown ref", "export", "main", "x.car", "--without", "nothing")
	if _, err := os.Stat(filepath.Join(c.dir, "x.car")); err == nil {
		t.Error("a failed export left a file")
	}
	c.fails(exitFailed, "no such file", "export", "main", "nowhere/x.car")
}

// A tree without commits: exported, dumped, imported and loaded.
func TestTreeCAR(t *testing.T) {
	c := carStore(t)
	root := c.root()
	c.ok("export", "main", "tree.car", "--tree")
	dumped := c.ok("dump", "--format", "car")
	c.file("dump.car", dumped)
	if got, _ := c.listed("tree.car"); got != root {
		t.Errorf("%s, not %s", got, root)
	}
	if file, err := os.ReadFile(filepath.Join(c.dir, "tree.car")); err != nil || !bytes.Equal(file, []byte(dumped)) {
		t.Errorf("dump and export --tree differ: %v", err)
	}
	for i, args := range [][]string{{"import", "tree.car", "-m", "taken"}, {"load", "dump.car"}, {"load", "-", "--format", "car"}} {
		to := fmt.Sprint("copy", i)
		c.ok("init", "--store", to)
		c.okPipe(dumped, append(args, "--store", to)...)
		if got := c.root("--store", to); got != root {
			t.Errorf("%q: %s, not %s", args, got, root)
		}
		if log := c.ok("log", "--store", to, "-o", "jsonl"); strings.Count(log, "\n") != 1 || i == 0 && !strings.Contains(log, "taken") {
			t.Errorf("%q: %s", args, log)
		}
	}
	c.ok("put", "--store", "copy1", "own", "entry")
	c.fails(exitFailed, "not empty", "import", "--store", "copy1", "tree.car")
	c.ok("load", "--store", "copy1", "tree.car")
	if got := c.ok("get", "--store", "copy1", "own"); got != "entry" {
		t.Error(got)
	}
	c.ok("import", "--store", "copy1", "tree.car", "--replace")
	if got := c.root("--store", "copy1"); got != root {
		t.Errorf("replaced: %s", got)
	}
	c.ok("put", "--stage", "staged", "write")
	c.fails(exitFailed, "1 staged write", "dump", "--format", "car")
	if got := c.ok("dump", "--format", "car", "--ref", "main"); got != dumped {
		t.Error("dump --ref has another file")
	}
}
