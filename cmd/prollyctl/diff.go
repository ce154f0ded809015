package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/rows"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type diffOptions struct {
	rangeOption
	stat bool
}

func newDiff(a *app) *cobra.Command {
	var o diffOptions
	c := &cobra.Command{
		Use:   "diff A [B]",
		Short: "Compare two versions",
		Long: `diff prints what changed from A to B, in the order of the keys: + added, - removed,
~ changed. Without B it compares with the branch as it is now, what is staged
included. The cost follows the change, not the size. The exit status is 1 when
there is a difference.

With --stat it prints how many keys were added, removed and changed, how many
nodes were read to find out, and how many of those stand in one version only.`,
		Example: `  prollyctl diff main~1 main
  prollyctl diff main draft --prefix user/
  prollyctl diff main                 # what is staged
  prollyctl diff v1 v2 --stat -o json`,
		Args:              wantArgs(1, 2),
		ValidArgsFunction: a.completeRefs,
		RunE:              func(c *cobra.Command, args []string) error { return a.diff(c.Context(), args, o) },
	}
	o.rangeOption.register(c)
	c.Flags().BoolVar(&o.stat, "stat", false, "count only")
	return c
}

func (a *app) diff(ctx context.Context, args []string, o diffOptions) error {
	r, err := o.bounds()
	if err != nil {
		return err
	}
	return a.reading(ctx, func(s *session) error {
		return s.tree(ctx, args[0], func(from prolly.Tree) error {
			return s.tree(ctx, optional(args, 1), func(to prolly.Tree) error {
				if o.stat {
					return s.diffStat(ctx, from, to, r)
				}
				return s.diffList(ctx, from, to, r)
			})
		})
	})
}

// diffStat is the size of a difference as JSON.
type diffStat struct {
	Added          uint64 `json:"added"`
	Removed        uint64 `json:"removed"`
	Changed        uint64 `json:"changed"`
	NodesRead      int    `json:"nodesRead"`
	NodesDiffering int    `json:"nodesDiffering"`
}

// countDiff runs a diff and counts.
func countDiff(ctx context.Context, from, to prolly.Tree, r prolly.Range) (d diffStat, err error) {
	var stats prolly.DiffStats
	for c, err := range prolly.DiffCounted(ctx, from, to, r, &stats) {
		if err != nil {
			return d, err
		}
		switch op(c) {
		case "add":
			d.Added++
		case "remove":
			d.Removed++
		default:
			d.Changed++
		}
	}
	d.NodesRead, d.NodesDiffering = stats.NodesRead, stats.NodesDiffering
	return d, nil
}

func (s *session) diffStat(ctx context.Context, from, to prolly.Tree, r prolly.Range) error {
	d, err := countDiff(ctx, from, to, r)
	if err != nil {
		return err
	}
	err = s.print(d, func(w io.Writer) {
		fmt.Fprintf(w, "%s added, %s removed, %s changed\n", count(d.Added), count(d.Removed), count(d.Changed))
		fmt.Fprintf(w, "%s read, %s of them in one version only\n", many(d.NodesRead, "node", "nodes"), count(d.NodesDiffering))
	})
	if err == nil && d.Added+d.Removed+d.Changed > 0 {
		err = errNo
	}
	return err
}

// op names a change.
func op(c prolly.Change) string {
	switch {
	case c.From == nil:
		return "add"
	case c.To == nil:
		return "remove"
	}
	return "change"
}

func (s *session) diffList(ctx context.Context, from, to prolly.Tree, r prolly.Range) error {
	p := s.entries(ctx)
	differs := false
	for c, err := range prolly.Diff(ctx, from, to, r) {
		if err != nil {
			return err
		}
		differs = true
		if err := p.change(c); err != nil {
			return err
		}
	}
	err := p.end()
	if err == nil && differs {
		err = errNo
	}
	return err
}

// change prints one change.
func (p *entryPrinter) change(c prolly.Change) error {
	if p.a.output == text {
		_, err := p.a.stdout.Write(appendChange(p.a.stdout.AvailableBuffer(), c))
		return err
	}
	if err := p.next(); err != nil {
		return err
	}
	b := append(p.a.stdout.AvailableBuffer(), `{"op":"`+op(c)+`","key":`...)
	if _, err := p.a.stdout.Write(djson.AppendBytes(b, c.Key)); err != nil {
		return err
	}
	for _, side := range []struct {
		name string
		v    *prolly.Value
	}{{"old", c.From}, {"new", c.To}} {
		if side.v == nil {
			continue
		}
		if _, err := p.a.stdout.WriteString(`,"` + side.name + `":`); err != nil {
			return err
		}
		if err := rows.WriteValue(p.a.stdout, *side.v, p.open); err != nil {
			return err
		}
	}
	return p.a.stdout.WriteByte('}')
}

func appendChange(dst []byte, c prolly.Change) []byte {
	sign := map[string]string{"add": "+ ", "remove": "- ", "change": "~ "}[op(c)]
	dst = append(plain.Append(append(dst, sign...), c.Key), '\t')
	switch {
	case c.From == nil:
		dst = appendValue(dst, *c.To)
	case c.To == nil:
		dst = appendValue(dst, *c.From)
	default:
		dst = appendValue(append(appendValue(dst, *c.From), "\t→\t"...), *c.To)
	}
	return append(dst, '\n')
}
