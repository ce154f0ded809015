package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes one with two commits of a benchmark, the second of which says
// something else, and makes it the working directory. The tests of this module
// need Go alone: where there is no git, which the command runs, it is false, and
// what was to be compared ended as it must then.
func repository(t *testing.T) bool {
	if _, err := exec.LookPath("git"); err != nil {
		withoutGit(t)
		return false
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("TMPDIR", filepath.Join(dir, "tmp"))
	write(t, "go.mod", "module example.org/m\n\ngo 1.26\n")
	write(t, "p/p_test.go", source("1"))
	write(t, ".gitignore", "tmp\n")
	write(t, "tmp/empty", "")
	git(t, "init", "-q")
	git(t, "add", ".")
	git(t, "commit", "-qm", "one")
	write(t, "p/p_test.go", source("2"))
	return true
}

func source(figure string) string {
	return `package p

import "testing"

func BenchmarkIt(b *testing.B) {
	for b.Loop() {
	}
	b.ReportMetric(` + figure + `, "figure")
}
`
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, args ...string) string {
	t.Helper()
	identity := []string{"-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"}
	out, err := tell(t.Context(), ".", "git", append(identity, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compare parses arguments, and compares with a progress that is kept.
func compare(t *testing.T, stat func(base, head string) error, args ...string) (progress string, err error) {
	c, _, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	c.progress = &b
	c.stat = func(_ context.Context, _, base, head string) ([]byte, error) {
		x, errBase := os.ReadFile(base)
		y, errHead := os.ReadFile(head)
		return nil, errors.Join(errBase, errHead, stat(string(x), string(y)))
	}
	_, err = c.run(t.Context())
	return b.String(), err
}

func TestX1BothByTurns(t *testing.T) {
	if !repository(t) {
		return
	}
	var base, head string
	progress, err := compare(t, func(b, h string) error { base, head = b, h; return nil },
		"-base", "HEAD", "-benchtime", "1x", "-count", "3", "./p")
	if err != nil {
		t.Fatal(err)
	}
	for text, figure := range map[string]string{base: "1.000 figure", head: "2.000 figure"} {
		if n := strings.Count(text, figure); n != 3 {
			t.Errorf("X1 violated: %d times %q in\n%s", n, figure, text)
		}
	}
	want := "1/3 base\n1/3 head\n2/3 head\n2/3 base\n3/3 base\n3/3 head\n"
	if progress != want {
		t.Errorf("X1 violated: ran\n%s", progress)
	}
	nothingStays(t)
}

func TestX2NothingStaysAfterAFailure(t *testing.T) {
	if !repository(t) {
		return
	}
	for what, args := range map[string][]string{
		"no revision":     {"-base", "nowhere", "./p"},
		"no package":      {"-base", "HEAD", "./q"},
		"a bad benchmark": {"-base", "HEAD", "-bench", "(", "./p"},
	} {
		if _, err := compare(t, func(string, string) error { return nil }, args...); err == nil {
			t.Errorf("%s: no error", what)
		}
		nothingStays(t)
	}
	if _, err := compare(t, func(string, string) error { return io.EOF }, "-base", "HEAD", "-benchtime", "1x", "-count", "1", "./p"); !errors.Is(err, io.EOF) {
		t.Errorf("what stat says is lost: %v", err)
	}
	nothingStays(t)
}

// Without git the command says that it is missing.
func TestX3WithoutGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	withoutGit(t)
}

func withoutGit(t *testing.T) {
	t.Helper()
	_, err := compare(t, func(string, string) error { return nil }, "-base", "HEAD", "./p")
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "git") {
		t.Errorf("%v", err)
	}
}

func nothingStays(t *testing.T) {
	t.Helper()
	if list := git(t, "worktree", "list"); strings.Count(list, "\n") != 0 {
		t.Errorf("X2 violated: worktrees\n%s", list)
	}
	left, err := filepath.Glob("tmp/compare-*")
	if err != nil || len(left) > 0 {
		t.Errorf("X2 violated: left %q, %v", left, err)
	}
}

func TestBenchstat(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := make([]string, 2)
	for i, ns := range []string{"100", "200"} {
		files[i] = filepath.Join(dir, ns)
		write(t, files[i], strings.Repeat("BenchmarkIt 1 "+ns+" ns/op\n", 6))
	}
	text, err := benchstat(t.Context(), root, files[0], files[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"base", "head", "+100.00%", "p=0.002"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{}, {"-base", "x"}, {"./p"}, {"-base", "x", "-count", "0", "./p"}} {
		if _, _, err := parse(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	c, out, err := parse([]string{"-base", "x", "-o", "f", "./p", "-sizes", "1k"})
	if err != nil || out != "f" || c.pkg != "./p" || len(c.args) != 2 {
		t.Errorf("%+v, %q, %v", c, out, err)
	}
}
