package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// rangeOption are the options that select a range of keys.
type rangeOption struct {
	keyOption
	prefix, from, to string
	limit            int
}

func (o *rangeOption) register(c *cobra.Command) {
	o.keyOption.register(c)
	c.Flags().StringVar(&o.prefix, "prefix", "", "only keys that begin so")
	c.Flags().StringVar(&o.from, "from", "", "the first key")
	c.Flags().StringVar(&o.to, "to", "", "end before this key")
	c.Flags().IntVar(&o.limit, "limit", 0, "at most so many; 0 for all")
}

// bounds returns the range that was asked for.
func (o *rangeOption) bounds() (prolly.Range, error) {
	r := prolly.Range{Limit: o.limit}
	if o.limit < 0 {
		return r, usagef("--limit %d is below 0", o.limit)
	}
	for _, k := range []struct {
		arg string
		to  *[]byte
	}{{o.prefix, &r.Prefix}, {o.from, &r.From}, {o.to, &r.To}} {
		b, err := o.parse(k.arg)
		if err != nil {
			return r, err
		}
		*k.to = b
	}
	return r, nil
}

type scanOptions struct {
	rangeOption
	refOption
	reverse, keys bool
}

func newScan(a *app) *cobra.Command {
	var o scanOptions
	c := &cobra.Command{
		Use:   "scan",
		Short: "Print entries in the order of their keys",
		Long: `scan prints entries in the order of their keys, a line each: key, tab, value,
escaped. Of values that stand out of line, those longer than about 1.2 KB, and
of links, text names the block; -o jsonl has all of them whole, in the form that load reads.`,
		Example: `  prollyctl scan --prefix user/ --limit 10
  prollyctl scan --from b --to d --reverse
  prollyctl scan --keys
  prollyctl scan --ref main~1 -o jsonl
  prollyctl scan --hex --prefix 00ff`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.scan(c.Context(), o) },
	}
	o.rangeOption.register(c)
	o.refOption.register(a, c)
	c.Flags().BoolVar(&o.reverse, "reverse", false, "the largest key first")
	c.Flags().BoolVar(&o.keys, "keys", false, "keys only")
	return c
}

func (a *app) scan(ctx context.Context, o scanOptions) error {
	r, err := o.bounds()
	if err != nil {
		return err
	}
	r.Reverse = o.reverse
	return a.reading(ctx, func(s *session) error {
		return s.view(ctx, o.ref, func(v view) error {
			p := s.entries(ctx)
			p.keysOnly = o.keys
			for e, err := range v.Range(ctx, r) {
				if err != nil {
					return err
				}
				if err := p.add(e); err != nil {
					return err
				}
			}
			return p.end()
		})
	})
}
