package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The arrows between packages, as docs/arrows.md draws them. Tests may import
// what they like; these rules are about what is built into a program.

const module = "github.com/go-ds-prolly/go-ds-prolly"

// goPackage is what `go list` says of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// graph is all packages that the module's packages are built of, by import path.
type graph map[string]goPackage

// listPackages asks the go command.
func listPackages() (graph, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Standard", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.Bytes())
	}
	g := graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, err
		}
		g[p.ImportPath] = p
	}
}

// own returns the place in the module of an import path; false for others'.
func own(path string) (string, bool) { return strings.CutPrefix(path, module+"/") }

// within tells whether a path is one of the patterns: a path, or one and all
// below it ("kv/..."). A pattern that ends in "/" stands for all that begin so.
func within(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if root, ok := strings.CutSuffix(p, "/..."); ok {
			return path == root || strings.HasPrefix(path, root+"/")
		}
		return path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p)
	})
}

// downward says which packages of the module a package may import. The first
// line that fits counts; what no line fits may not exist.
var downward = []struct{ from, to []string }{
	{[]string{"codec"}, nil},
	{[]string{"kv/turn"}, nil},
	{[]string{"prolly"}, []string{"codec"}},
	{[]string{"kv"}, []string{"codec"}},
	{[]string{"kv/internal/..."}, []string{"kv", "codec"}},
	{[]string{"kv/kvtest"}, []string{"kv", "kv/memkv", "codec"}}, // the model that the others are compared with
	{[]string{"kv/pebblekv"}, []string{"kv", "kv/internal/...", "codec", "kv/turn"}},
	{[]string{"kv/..."}, []string{"kv", "kv/internal/...", "codec"}},
	{[]string{"engine"}, []string{"prolly", "kv", "kv/pebblekv", "codec", "kv/turn"}},
	{[]string{"engine/sync"}, []string{"engine", "engine/sync/riblt", "prolly", "kv", "codec"}},
	{[]string{"engine/sync/riblt"}, nil},
	{[]string{"engine/prollyds", "engine/auth", "engine/receipt"}, []string{"engine", "prolly", "kv", "codec"}},
	{[]string{"engine/car"}, []string{"engine", "prolly", "codec"}},
	{[]string{"engine/prollyipld"}, []string{"engine", "prolly", "kv", "codec"}},
	{[]string{"engine/space"}, []string{"engine", "engine/sync", "engine/auth", "engine/receipt", "prolly", "kv", "codec"}},
	{[]string{"bench/..."}, []string{"bench/...", "engine/...", "prolly", "kv/...", "codec"}},
	{[]string{"cmd/..."}, []string{"cmd/...", "engine/...", "prolly", "kv/...", "codec"}},
}

// Others' packages, by what they bring.
var (
	pebblePkgs    = []string{"github.com/cockroachdb/pebble/..."}
	vfsPkgs       = []string{"github.com/cockroachdb/pebble/v2/vfs/..."}
	datastorePkgs = []string{"github.com/ipfs/go-datastore/..."}
	ucan          = []string{"github.com/storacha/"}
	s3            = []string{"github.com/aws/", "github.com/minio/minio-go/..."}
	terminal      = []string{"github.com/spf13/", "github.com/schollz/progressbar/...", "github.com/jedib0t/go-pretty/...", "golang.org/x/term/..."}
	web           = []string{"net/http/..."}
	ipldPkgs      = []string{"github.com/ipld/"}
)

// reserved says who alone may import others' packages directly.
var reserved = []struct {
	what []string
	by   []string
}{
	{vfsPkgs, []string{"kv/pebblekv/...", "kv/kvtest"}}, // the file system for crash tests is Pebble's
	{pebblePkgs, []string{"kv/pebblekv/..."}},
	{datastorePkgs, []string{"engine/prollyds", "kv/dskv"}},
	{ipldPkgs, []string{"engine/prollyipld", "engine/auth", "engine/receipt", "engine/space"}},
	{ucan, []string{"engine/auth", "engine/receipt", "engine/space"}},
	{s3, []string{"kv/s3kv"}},
	{terminal, []string{"cmd/..."}},
	{web, []string{"engine/sync", "engine/space", "kv/s3kv", "bench/service", "cmd/..."}},
}

// unlinked says what whoever embeds a package must not get with it, through
// whatever other package.
var unlinked = []struct {
	from string
	what [][]string
}{
	{"codec", [][]string{pebblePkgs, datastorePkgs, ucan, s3, terminal, web}},
	{"prolly", [][]string{pebblePkgs, datastorePkgs, ucan, s3, terminal}},
	{"kv", [][]string{pebblePkgs, datastorePkgs, ucan, s3, terminal, web}},
	{"engine", [][]string{datastorePkgs, ucan, s3, terminal, ipldPkgs}},
	{"engine/prollyds", [][]string{ucan, s3, terminal}},
	{"engine/car", [][]string{datastorePkgs, ucan, s3, terminal, ipldPkgs}},
}

// webLinkers are others' packages that import net/http: for metrics in text
// form, and for a reporter of errors and a switch of log levels that nothing here
// turns on. None of them listens by itself.
var webLinkers = []string{
	"github.com/getsentry/sentry-go/...",
	"github.com/prometheus/common/expfmt",
	"go.uber.org/zap",
}

// violations lists every arrow that points where it must not.
func (g graph) violations() (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for path, p := range g {
		from, ours := own(path)
		if !ours {
			continue
		}
		may, known := mayImport(from)
		if !known {
			say("%s has no place among the packages", from)
		}
		for _, i := range p.Imports {
			if to, ours := own(i); ours && known && !within(to, may) {
				say("%s imports %s", from, to)
			}
			if by, yes := reservedFor(i); yes && !within(from, by) {
				say("%s imports %s, which is for %s alone", from, i, strings.Join(by, ", "))
			}
		}
	}
	for _, u := range unlinked {
		linked := g.linked(u.from)
		for _, dep := range linked {
			for _, what := range u.what {
				if within(dep, what) {
					say("%s links %s", u.from, dep)
				}
			}
			if within("net/http", g[dep].Imports) && !g[dep].Standard && !within(dep, webLinkers) {
				say("%s links net/http through %s", u.from, dep)
			}
		}
	}
	slices.Sort(out)
	return out
}

func mayImport(from string) ([]string, bool) {
	for _, d := range downward {
		if within(from, d.from) {
			return d.to, true
		}
	}
	return nil, false
}

func reservedFor(path string) ([]string, bool) {
	for _, r := range reserved {
		if within(path, r.what) {
			return r.by, true
		}
	}
	return nil, false
}

// linked returns all that is built into a program which imports the package.
func (g graph) linked(from string) (out []string) {
	seen := map[string]bool{}
	todo := []string{module + "/" + from}
	for len(todo) > 0 {
		path := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[path] {
			continue
		}
		seen[path] = true
		out = append(out, path)
		todo = append(todo, g[path].Imports...)
	}
	return out
}

// touchSources looks at every source file of the module, for the go command to
// know on what the test's result depends: it cannot see what go list reads.
func touchSources() error {
	return filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && len(d.Name()) > 2 && d.Name()[0] == '.':
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			_, err = os.Stat(path)
		}
		return err
	})
}

// TestArrows holds every package of the module to the arrows.
func TestArrows(t *testing.T) {
	if err := touchSources(); err != nil {
		t.Fatal(err)
	}
	g, err := listPackages()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range unlinked { // the rules must be about something
		if _, ok := g[module+"/"+u.from]; !ok {
			t.Errorf("there is no package %s", u.from)
		}
	}
	for _, v := range g.violations() {
		t.Error(v)
	}
}

// TestArrowsCanFail: each wrong import is noticed.
func TestArrowsCanFail(t *testing.T) {
	g, err := listPackages()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"prolly", module + "/kv", "prolly imports kv"},
		{"kv", module + "/prolly", "kv imports prolly"},
		{"codec", module + "/prolly", "codec imports prolly"},
		{"engine", module + "/engine/prollyds", "engine imports engine/prollyds"},
		{"engine", module + "/bench/dataset", "engine imports bench/dataset"},
		{"kv/memkv", module + "/kv/pebblekv", "kv/memkv imports kv/pebblekv"},
		{"cmd/prollyctl", module + "/bench/dataset", "cmd/prollyctl imports bench/dataset"},
		{"engine", "github.com/ipfs/go-datastore", "engine links github.com/ipfs/go-datastore"},
		{"engine", "github.com/cockroachdb/pebble/v2", "engine imports github.com/cockroachdb/pebble/v2, which is for kv/pebblekv/... alone"},
		{"kv/kvtest", "github.com/cockroachdb/pebble/v2", "kv/kvtest imports github.com/cockroachdb/pebble/v2, which is for kv/pebblekv/... alone"},
		{"prolly", module + "/kv/pebblekv", "prolly links github.com/cockroachdb/pebble/v2"},
		{"kv/pebblekv", "github.com/minio/minio-go/v7", "engine links github.com/minio/minio-go/v7"},
		{"engine/prollyds", "github.com/storacha/go-ucanto/core", "engine/prollyds links github.com/storacha/go-ucanto/core"},
		{"engine", "net/http", "engine links net/http through " + module + "/engine"},
		{"util", "fmt", "util has no place among the packages"},
	} {
		bad := make(graph, len(g))
		for k, p := range g {
			bad[k] = p
		}
		path := module + "/" + c.from
		p := bad[path]
		p.ImportPath = path
		p.Imports = append(slices.Clone(p.Imports), c.to)
		bad[path] = p
		if got := bad.violations(); !slices.Contains(got, c.want) {
			t.Errorf("%s imports %s: noticed %q, not %q", c.from, c.to, got, c.want)
		}
	}
}
