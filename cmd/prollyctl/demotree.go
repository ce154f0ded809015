package main

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// ranges shows what the order of the keys is good for.
func (d *demo) ranges(ctx context.Context) error {
	r := prolly.Range{Prefix: []byte("U+01F98"), Limit: 6}
	d.title("Keys are in order: everything that begins with %s, the first %d", r.Prefix, r.Limit)
	for e, err := range d.b.Range(ctx, r) {
		if err != nil {
			return err
		}
		d.say("     %s  %s\n", e.Key, e.Value.Bytes)
	}
	return nil
}

func (d *demo) ranks(ctx context.Context) error {
	d.title("Nodes count what is below them")
	return d.tree(ctx, "", func(t prolly.Tree) error {
		const key = "U+004E00"
		rank, err := t.Rank(ctx, []byte(key))
		if err != nil {
			return err
		}
		middle, err := t.At(ctx, t.Len()/2)
		if err != nil {
			return err
		}
		d.say("   %s entries come before %s, and the one in the middle, number %s, is\n", count(rank), key, count(t.Len()/2))
		d.say("     %s  %s\n", middle.Key, middle.Value.Bytes)
		d.say("   Neither took more than one node a level, %d in all.\n", t.Height())
		return nil
	})
}

func (d *demo) again(ctx context.Context) error {
	d.title("The same content has the same root, whatever its history")
	const other = "backwards"
	b, err := d.e.Branch(ctx, other)
	if err != nil {
		return err
	}
	if _, err := b.Load(ctx, names(true)); err != nil {
		return err
	}
	c, err := b.Commit(ctx, engine.CommitOptions{Message: "the same, loaded backwards"})
	if err != nil {
		return err
	}
	d.info.Again = c.Root
	d.say("   All names once more, from the last to the first, on a branch of their own:\n   %v\n", c.Root)
	if c.Root != d.first.Root {
		return fmt.Errorf("the roots differ: %v and %v", d.first.Root, c.Root)
	}
	d.say("   That is the root of the first commit, and its nodes are kept once.\n")
	return nil
}

func (d *demo) shape(ctx context.Context) error {
	d.title("The shape of the tree")
	if d.output != text {
		return nil
	}
	root, err := d.nodes(ctx, engine.Resolved{Root: d.second.Root}, treeOptions{depth: 2, width: 3})
	if err != nil {
		return err
	}
	root.draw(d.stdout, "   ", "   ")
	d.say("\n")
	writeLevels(d.stdout, d.info.Levels)
	return nil
}

// farewell says what to do next.
func (d *demo) farewell(keep string) {
	if keep == "" {
		d.say("\nThat was it; the store is gone. Your own: prollyctl init, put, get, scan, diff, log.\n")
		d.say("To look around in this one: prollyctl demo --keep DIR\n")
		return
	}
	d.say("\nThe store is in %s. Look around:\n", keep)
	for _, c := range []string{"log", "diff main~1 main", "scan --prefix U+01F98", "stat", "tree"} {
		d.say("  prollyctl --store %s %s\n", keep, c)
	}
}
