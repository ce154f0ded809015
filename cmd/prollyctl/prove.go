package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type proveOptions struct {
	rangeOption
	refOption
	isRange, reverse, count, rank, values bool

	at    uint64
	hasAt bool
	file  string
}

func newProve(a *app) *cobra.Command {
	var o proveOptions
	c := &cobra.Command{
		Use:   "prove [KEY…]",
		Short: "Write a proof of what is in a version, and of what is not",
		Long: `prove writes a file that proves something about a version to whoever knows the
version's root and nothing else: which of the KEYs are there, with their values,
and which are not; with --range all entries of a range, none left out; with
--count how many there are; with --rank how many come before each KEY; with --at
the entry at a place. verify checks it, without a store. The file is a CARv1.

The proof goes to stdout, or with -f to a file. It speaks of the last commit of
the branch, or of the REF. Values that stand out of line, those longer than about
1.2 KB, are proven by their length and CID; --values puts them into the proof.`,
		Example: `  prollyctl prove user/ada user/grace -f both.proof
  prollyctl verify both.proof $(prollyctl root)
  prollyctl prove --range --prefix user/ --ref v1 > users.proof
  prollyctl prove --count --prefix user/ -f count.proof
  prollyctl prove --rank user/ada -f rank.proof
  prollyctl prove --at 1000 -f entry.proof`,
		RunE: func(c *cobra.Command, args []string) error {
			o.hasAt = c.Flags().Changed("at")
			return a.prove(c.Context(), args, o)
		},
	}
	o.rangeOption.register(c)
	o.refOption.register(a, c)
	f := c.Flags()
	f.BoolVar(&o.isRange, "range", false, "prove all entries of a range")
	f.BoolVar(&o.reverse, "reverse", false, "the largest key first")
	f.BoolVar(&o.count, "count", false, "prove how many entries there are in a range")
	f.BoolVar(&o.rank, "rank", false, "prove how many entries come before each KEY")
	f.Uint64Var(&o.at, "at", 0, "prove the entry at this place, counted from 0")
	f.BoolVar(&o.values, "values", false, "put values that stand out of line into the proof")
	f.StringVarP(&o.file, "file", "f", "", "write the proof to this file")
	must(c.MarkFlagFilename("file"))
	return c
}

// question returns what is to be proven.
func (o *proveOptions) question(args []string) (codec.Question, error) {
	var q codec.Question
	modes := 0
	for ask, on := range map[codec.Ask]bool{codec.AskRange: o.isRange, codec.AskCount: o.count, codec.AskRank: o.rank, codec.AskAt: o.hasAt} {
		if on {
			q.Ask = ask
			modes++
		}
	}
	bounded := o.prefix != "" || o.from != "" || o.to != ""
	takesKeys := modes == 0 || q.Ask == codec.AskRank
	switch {
	case modes > 1:
		return q, usagef("use one of --range, --count, --rank and --at")
	case takesKeys && len(args) == 0:
		return q, usagef("which KEY?")
	case !takesKeys && len(args) > 0:
		return q, usagef("a KEY does not go with --%v", q.Ask)
	case bounded && !o.isRange && !o.count:
		return q, usagef("--prefix, --from and --to go with --range or --count")
	case (o.limit != 0 || o.reverse) && !o.isRange:
		return q, usagef("--limit and --reverse go with --range")
	case o.values && (o.count || o.rank):
		return q, usagef("--values does not go with --%v", q.Ask)
	}
	r, err := o.bounds()
	if err != nil {
		return q, err
	}
	switch {
	case o.isRange || o.count:
		r.Reverse = o.reverse
		ask := q.Ask
		q = r.Question()
		q.Ask = ask
	case o.hasAt:
		q.Index = o.at
	default:
		if modes == 0 {
			q.Ask = codec.AskKeys
		}
		q.Keys, err = o.keys(args)
	}
	q.Blobs = o.values
	return q, err
}

// keys parses keys and puts them in order, each once.
func (o *proveOptions) keys(args []string) ([][]byte, error) {
	keys := make([][]byte, len(args))
	for i, arg := range args {
		k, err := o.parse(arg)
		if err != nil {
			return nil, err
		}
		if len(k) == 0 || len(k) > codec.MaxKey {
			return nil, usagef("key %s: a key has 1 to %s bytes", quote(k), count(codec.MaxKey))
		}
		keys[i] = k
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal), nil
}

// proofInfo is a proof as JSON.
type proofInfo struct {
	Root  cid.Cid     `json:"root"`
	Ask   string      `json:"ask"`
	Bytes int         `json:"bytes"`
	File  string      `json:"file,omitempty"`
	Proof djson.Bytes `json:"proof,omitempty"` // without a file
}

func (a *app) prove(ctx context.Context, args []string, o proveOptions) error {
	q, err := o.question(args)
	if err != nil {
		return err
	}
	if a.outTTY && a.output == text && o.file == "" {
		return usagef("a proof is nothing for a terminal: use -f FILE, or redirect the output")
	}
	return a.reading(ctx, func(s *session) error {
		r, err := s.committed(ctx, o.ref)
		if err != nil {
			return err
		}
		p, err := s.e.Prove(ctx, r.Root.String(), q)
		if err != nil {
			return err
		}
		return a.printProof(p, proofInfo{Root: r.Root, Ask: q.Ask.String(), Bytes: len(p), File: o.file})
	})
}

// printProof writes a proof where it is wanted.
func (a *app) printProof(p prolly.Proof, info proofInfo) error {
	if info.File == "" {
		if a.output == text {
			_, err := a.stdout.Write(p)
			return err
		}
		info.Proof = djson.Bytes(p)
		return a.print(info, nil)
	}
	if err := writeNew(info.File, p); err != nil {
		return err
	}
	return a.print(info, func(w io.Writer) {
		fmt.Fprintf(w, "proof of %s under %v: %s in %s\n", info.Ask, info.Root, size(uint64(info.Bytes)), plain.String(info.File))
	})
}

// writeNew writes a file whole, or leaves what was there.
func writeNew(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".proof-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
