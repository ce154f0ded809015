package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// comparison is of the benchmarks of a package at two revisions.
type comparison struct {
	base, head revision
	pkg        string
	bench      string
	benchtime  string
	count      int
	args       []string // of the test binaries
	progress   io.Writer

	// stat judges two files of results.
	stat func(ctx context.Context, root, base, head string) ([]byte, error)
}

// revision is one of the two.
type revision struct {
	rev  string // empty: what is in the working tree
	name string
	root string // where it is checked out
	exe  string // its test binary
	out  string // its results
}

// run makes the comparison and returns what stat says of it.
func (c *comparison) run(ctx context.Context) (text []byte, err error) {
	root, err := tell(ctx, ".", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	c.base.name, c.head.name = "base", "head"
	for _, r := range []*revision{&c.base, &c.head} {
		drop, err := r.checkOut(ctx, root, tmp)
		if drop != nil {
			defer drop()
		}
		if err == nil {
			err = r.build(ctx, c.pkg, tmp)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if err := c.alternate(ctx); err != nil {
		return nil, err
	}
	return c.stat(ctx, root, c.base.out, c.head.out)
}

// checkOut makes a worktree of the revision, and returns what takes it away. It
// does so even when ctx is done.
func (r *revision) checkOut(ctx context.Context, root, tmp string) (drop func(), err error) {
	if r.rev == "" {
		r.root = root
		return nil, nil
	}
	r.root = filepath.Join(tmp, r.name)
	drop = func() {
		ctx := context.WithoutCancel(ctx)
		if _, err := tell(ctx, root, "git", "worktree", "remove", "--force", r.root); err != nil {
			fmt.Fprintln(os.Stderr, "compare: worktree:", err)
		}
	}
	if _, err := tell(ctx, root, "git", "worktree", "add", "--detach", r.root, r.rev); err != nil {
		return nil, err
	}
	return drop, nil
}

// build makes the test binary.
func (r *revision) build(ctx context.Context, pkg, tmp string) error {
	r.exe = filepath.Join(tmp, r.name+".test")
	r.out = filepath.Join(tmp, r.name+".txt")
	if _, err := tell(ctx, r.root, "go", "test", "-c", "-o", r.exe, pkg); err != nil {
		return err
	}
	if _, err := os.Stat(r.exe); err != nil {
		return fmt.Errorf("%s has no tests: %w", pkg, err)
	}
	return nil
}

// alternate runs both revisions by turns; who is first changes.
func (c *comparison) alternate(ctx context.Context) error {
	for i := range c.count {
		pair := []*revision{&c.base, &c.head}
		if i%2 == 1 {
			pair[0], pair[1] = pair[1], pair[0]
		}
		for _, r := range pair {
			fmt.Fprintf(c.progress, "%d/%d %s\n", i+1, c.count, r.name)
			if err := c.once(ctx, r); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	return nil
}

// once runs a test binary in its package's folder and keeps what it prints.
func (c *comparison) once(ctx context.Context, r *revision) error {
	args := []string{"-test.run=^$", "-test.bench=" + c.bench, "-test.benchmem"}
	if c.benchtime != "" {
		args = append(args, "-test.benchtime="+c.benchtime)
	}
	cmd := exec.CommandContext(ctx, r.exe, append(args, c.args...)...)
	cmd.Dir = filepath.Join(r.root, c.pkg)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s%s", err, stdout.Bytes(), stderr.Bytes())
	}
	f, err := os.OpenFile(r.out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(stdout.Bytes())
	return errors.Join(err, f.Close())
}

// benchstat judges by the tool that benchstat/go.mod names.
func benchstat(ctx context.Context, root, base, head string) ([]byte, error) {
	text, err := tell(ctx, filepath.Join(root, "bench", "compare", "benchstat"),
		"go", "tool", "benchstat", "base="+base, "head="+head)
	return []byte(text + "\n"), err
}

// tell runs a program in a folder and returns what it prints.
func tell(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}
