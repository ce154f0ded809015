package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/runenames"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/shape"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func newDemo(a *app) *cobra.Command {
	var keep string
	c := &cobra.Command{
		Use:   "demo",
		Short: "A guided run on real data, in a store of its own",
		Long: `demo loads the names of all Unicode code points into a store in a temporary
directory, edits a few, and shows what versions, differences, ranges, ranks and
the tree look like. It needs nothing, takes a few seconds, and leaves nothing
behind, unless --keep names a directory for the store.`,
		Example: `  prollyctl demo
  prollyctl demo --keep names.prolly && prollyctl --store names.prolly log`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), keep) },
	}
	c.Flags().StringVar(&keep, "keep", "", "make the store in this directory and keep it")
	must(c.MarkFlagDirname("keep"))
	return c
}

// demoInfo is what the demo found, as JSON.
type demoInfo struct {
	Unicode string        `json:"unicode"` // version
	Entries uint64        `json:"entries"`
	First   cid.Cid       `json:"first"`  // root of the first commit
	Second  cid.Cid       `json:"second"` // and of the second
	Diff    diffStat      `json:"diff"`
	Nodes   uint64        `json:"nodes"` // of the second
	Levels  []shape.Level `json:"levels"`
	Again   cid.Cid       `json:"again"` // root of the first content, loaded backwards
	Store   string        `json:"store,omitempty"`
}

func (a *app) demo(ctx context.Context, keep string) error {
	run := *a
	run.branch, run.store = defaultBranch, keep
	if keep == "" {
		dir, err := os.MkdirTemp("", "prollyctl-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) // a directory in the way of nobody
		run.store = filepath.Join(dir, "store")
	} else if err := mustBeFree(keep); err != nil {
		return err
	}
	d := demo{info: demoInfo{Unicode: runenames.UnicodeVersion, Store: keep}}
	err := run.open(ctx, &engine.Options{}, func(s *session) error {
		d.session = s
		return d.play(ctx)
	})
	if err != nil {
		return err
	}
	return a.print(d.info, func(io.Writer) { d.farewell(keep) })
}

// mustBeFree wants a directory to be empty or missing.
func mustBeFree(dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(list) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is not empty: --keep wants a new directory", dir)
}

// demo is one run of it.
type demo struct {
	*session
	info          demoInfo
	b             *engine.Branch
	first, second engine.Commit
	step          int
}

// play runs the steps one after the other.
func (d *demo) play(ctx context.Context) (err error) {
	if d.b, err = d.e.Branch(ctx, d.branch); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		d.load, d.edit, d.compare, d.travel, d.ranges, d.ranks, d.again, d.shape,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if d.output == text {
			if err := d.stdout.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// title begins a step, and say tells something; in JSON both are silent.
func (d *demo) title(format string, args ...any) {
	d.step++
	d.say("\n%d. %s\n", d.step, fmt.Sprintf(format, args...))
}

func (d *demo) say(format string, args ...any) {
	if d.output == text {
		fmt.Fprintf(d.stdout, format, args...)
	}
}

// names yields the code points that have a name, in order or backwards.
func names(backwards bool) func(func(prolly.Entry, error) bool) {
	return func(yield func(prolly.Entry, error) bool) {
		const last = 0x10ffff
		var key, name []byte
		for r := rune(0); r <= last; r++ {
			c := r
			if backwards {
				c = last - r
			}
			if name = append(name[:0], runenames.Name(c)...); len(name) == 0 {
				continue
			}
			key = fmt.Appendf(key[:0], "U+%06X", c)
			if !yield(prolly.Entry{Key: key, Value: prolly.Value{Bytes: name}}, nil) {
				return
			}
		}
	}
}

func (d *demo) load(ctx context.Context) error {
	d.say("prollyctl demo: a versioned key/value store on the names of Unicode %s.\n", d.info.Unicode)
	d.title("Load")
	began := time.Now()
	n, err := d.b.Load(ctx, names(false))
	if err != nil {
		return err
	}
	if d.first, err = d.b.Commit(ctx, engine.CommitOptions{Message: "Unicode " + d.info.Unicode}); err != nil {
		return err
	}
	d.info.Entries, d.info.First = n, d.first.Root
	d.say("   %s code points and their names, loaded and committed in %v.\n", count(n), time.Since(began).Round(time.Millisecond))
	d.say("   The commit's root stands for every byte of them:\n   %v\n", d.first.Root)
	return d.quoteNames(ctx, d.b, "U+000041", "U+01F600")
}

// quoteNames prints a few entries.
func (d *demo) quoteNames(ctx context.Context, v view, keys ...string) error {
	for _, k := range keys {
		e, err := v.Lookup(ctx, []byte(k))
		if errors.Is(err, engine.ErrNotFound) {
			d.say("     %s  is not there\n", k)
			continue
		}
		if err != nil {
			return err
		}
		d.say("     %s  %s\n", k, e.Value.Bytes)
	}
	return nil
}

// demoEdits are what the second commit changes: three names, one code point
// less, one that nobody has assigned.
var demoEdits = []prolly.Edit{
	{Key: []byte("U+00002E"), Value: prolly.Value{Bytes: []byte("DOT")}},
	{Key: []byte("U+002603"), Value: prolly.Value{Bytes: []byte("SNOWMAN (melting)")}},
	{Key: []byte("U+01F600"), Value: prolly.Value{Bytes: []byte("HAPPY FACE")}},
	{Key: []byte("U+01F4A9"), Delete: true},
	{Key: []byte("U+0F0000PROLLY"), Value: prolly.Value{Bytes: []byte("PROLLY TREE")}},
}

func (d *demo) edit(ctx context.Context) (err error) {
	d.title("Edit %d of them, and commit again", len(demoEdits))
	began := time.Now()
	if err := d.b.Apply(ctx, demoEdits); err != nil {
		return err
	}
	if d.second, err = d.b.Commit(ctx, engine.CommitOptions{Message: "a few better names"}); err != nil {
		return err
	}
	d.info.Second = d.second.Root
	d.say("   Staged, folded into the tree and committed, durably, in %v. The new root:\n   %v\n",
		time.Since(began).Round(100*time.Microsecond), d.second.Root)
	return nil
}

// trees calls f with the trees of both commits.
func (d *demo) trees(ctx context.Context, f func(first, second prolly.Tree) error) error {
	return d.tree(ctx, d.first.CID.String(), func(first prolly.Tree) error {
		return d.tree(ctx, d.second.CID.String(), func(second prolly.Tree) error { return f(first, second) })
	})
}

func (d *demo) compare(ctx context.Context) error {
	d.title("What changed?")
	sum, err := d.summary(ctx, engine.Resolved{Root: d.second.Root})
	if err != nil {
		return err
	}
	d.info.Nodes, d.info.Levels = sum.Nodes, sum.Levels()
	return d.trees(ctx, func(first, second prolly.Tree) error {
		for c, err := range prolly.Diff(ctx, first, second, prolly.Range{}) {
			if err != nil {
				return err
			}
			d.say("   %s", appendChange(nil, c))
		}
		d.info.Diff, err = countDiff(ctx, first, second, prolly.Range{})
		d.say("   To find that out, %d nodes were read in both trees together. One tree has %s:\n", d.info.Diff.NodesRead, count(sum.Nodes))
		d.say("   where hashes are equal, nothing below needs a look.\n")
		return err
	})
}

func (d *demo) travel(ctx context.Context) error {
	d.title("Travel in time: both versions stay readable")
	return d.trees(ctx, func(first, second prolly.Tree) error {
		d.say("   now:\n")
		if err := d.quoteNames(ctx, second, "U+01F600", "U+01F4A9"); err != nil {
			return err
		}
		d.say("   in the first commit:\n")
		return d.quoteNames(ctx, first, "U+01F600", "U+01F4A9")
	})
}
