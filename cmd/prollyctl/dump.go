package main

import (
	"bufio"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/rows"
	"github.com/go-ds-prolly/go-ds-prolly/engine/car"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type dumpOptions struct {
	refOption
	format string
}

func newDump(a *app) *cobra.Command {
	var o dumpOptions
	c := &cobra.Command{
		Use:   "dump",
		Short: "Write all entries, for load",
		Long: `dump writes all entries in the order of their keys, whole, in a form that load
reads again: the same entries give the same root. Values of any length pass;
see load for the formats. csv cannot hold links, and lines no tab in a key and
no line feed either: dump stops there and names the key. As car it writes the
blocks of the tree, large values and linked blocks included, but no commit: see
export. On a terminal what it would act on is escaped.`,
		Example: `  prollyctl dump > backup.jsonl
  prollyctl dump --ref main~1 --format csv > yesterday.csv`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.dump(c.Context(), o) },
	}
	o.refOption.register(a, c)
	formatFlag(c, &o.format, "format to write (default jsonl)")
	return c
}

func (a *app) dump(ctx context.Context, o dumpOptions) error {
	format := rows.JSONL
	if o.format != "" {
		var err error
		if format, err = rows.ParseFormat(o.format); err != nil {
			return usageError{err}
		}
	}
	if format == rows.CAR {
		return a.dumpCAR(ctx, o)
	}
	return a.reading(ctx, func(s *session) error {
		return s.view(ctx, o.ref, func(v view) error {
			out, flush := a.dumpTarget(format)
			w := rows.NewWriter(out, format, s.opener(ctx))
			for e, err := range v.Range(ctx, prolly.Range{}) {
				if err != nil {
					return err
				}
				if err := w.Write(e); err != nil {
					return err
				}
			}
			return flush()
		})
	})
}

// dumpCAR writes the tree as a CAR file. What is only staged has no tree yet.
func (a *app) dumpCAR(ctx context.Context, o dumpOptions) error {
	if a.outTTY {
		return usagef("a CAR file is not for a terminal")
	}
	return a.reading(ctx, func(s *session) error {
		r, err := s.committed(ctx, o.ref)
		if err != nil {
			return err
		}
		if o.ref == "" {
			b, err := s.e.Lookup(ctx, s.branch)
			if err != nil {
				return err
			}
			if b.Staged() > 0 {
				return fmt.Errorf("branch %s has %s: commit them first, or name a --ref", s.branch, many(b.Staged(), "staged write", "staged writes"))
			}
			if r.Root, err = b.Root(ctx); err != nil {
				return err
			}
		}
		_, err = s.exportTo(ctx, a.stdout, r.Root, car.ExportOptions{})
		return err
	})
}

// dumpTarget returns where to write, and what to do at the end.
func (a *app) dumpTarget(f rows.Format) (*bufio.Writer, func() error) {
	if !a.outTTY || f == rows.JSONL { // JSON is fit for a terminal as it is
		return a.stdout, func() error { return nil }
	}
	safe := plain.NewWriter(a.stdout)
	out := bufio.NewWriter(safe)
	return out, func() error {
		if err := out.Flush(); err != nil {
			return err
		}
		return safe.Flush()
	}
}
