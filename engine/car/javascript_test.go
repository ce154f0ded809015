package car

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/bench/javascript"
)

// scripts is the reader in JavaScript, written from codec/FORMAT.md.
const scripts = "../../codec/testdata/js"

// node runs one of the scripts.
func node(t *testing.T, args ...string) string {
	t.Helper()
	program := javascript.Node(t, scripts)
	args[0] = filepath.Join(scripts, args[0])
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	return string(out)
}

// What is exported, a reader in another language makes again of its entries.
func TestJavaScript(t *testing.T) {
	s := newSource(t)
	e := store(t)
	b := s.branch(e, "main")
	var files []string
	var roots []cid.Cid
	for _, n := range []int{0, 1, 40, 800, 5000} {
		c := s.commits(b, 1, n)[0]
		for _, name := range []cid.Cid{c.CID, c.Root} {
			file, _ := s.export(e, name, ExportOptions{Depth: 1})
			path := filepath.Join(t.TempDir(), "file.car")
			s.do(os.WriteFile(path, file, 0o644))
			files, roots = append(files, path), append(roots, c.Root)
		}
	}
	for i, line := range strings.Split(strings.TrimSpace(node(t, append([]string{"verify.js"}, files...)...)), "\n") {
		var r struct {
			Root, Rebuilt string
			Entries       uint64
			Same          bool
		}
		s.do(json.Unmarshal([]byte(line), &r))
		snap, err := e.Tree(ctx, roots[i])
		s.do(err)
		if !r.Same || r.Root != roots[i].String() || r.Rebuilt != r.Root || r.Entries != snap.Tree().Len() {
			t.Errorf("%s; the root is %v", line, roots[i])
		}
		s.do(snap.Close())
	}
}

// The reader in JavaScript reaches the golden roots, and notices a tree of the
// wrong shape.
func TestJavaScriptVectors(t *testing.T) {
	s := newSource(t)
	if out := node(t, "vectors.js", "120"); !strings.HasSuffix(out, ": 0 differ\n") {
		t.Error(out)
	}
	f := &crafted{source: s}
	root := f.two(60, nil).CID()
	path := filepath.Join(t.TempDir(), "wrong.car")
	s.do(os.WriteFile(path, s.file(root, f.list), 0o644))
	out, err := exec.Command("node", filepath.Join(scripts, "verify.js"), path).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), `"same":false`) {
		t.Errorf("a tree of the wrong shape: %s, %v", out, err)
	}
}
