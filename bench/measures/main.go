package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-ds-prolly/go-ds-prolly/bench/program"
	"github.com/go-ds-prolly/go-ds-prolly/bench/target"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func main() {
	program.Main("measures", func(ctx context.Context, args []string) (bool, error) {
		return command(ctx, args, os.Stdout)
	})
}

// options say how much to measure.
type options struct {
	n, wide int // entries of the tree in memory, and of the store
	edits   int
	against int // keys made against the hash
	dir     string
	out     string
	stream  string // the store to stream, in a process of its own; empty: this is not that process
}

func command(ctx context.Context, args []string, w io.Writer) (all bool, err error) {
	var o options
	s := flag.NewFlagSet("measures", flag.ContinueOnError)
	s.IntVar(&o.n, "n", 1_000_000, "entries of trees in memory")
	s.IntVar(&o.wide, "wide", 1_000_000, "entries of the store that is streamed and asked for numbers")
	s.IntVar(&o.edits, "edits", leafEdits, "edits of which the new leaves are counted")
	s.IntVar(&o.against, "against", 10_000, "keys made against the hash; time grows with their square")
	s.StringVar(&o.dir, "dir", "", "directory for the store; the system's temporary one if empty")
	s.StringVar(&o.out, "o", "", "file for the table; standard output if empty")
	s.StringVar(&o.stream, "stream", "", "used by the command itself")
	if err := s.Parse(args); err != nil {
		return false, err
	}
	if o.stream != "" {
		return true, stream(ctx, o.stream, uint64(o.wide), w)
	}
	rows, err := o.measure(ctx)
	if err != nil {
		return false, err
	}
	if o.out == "" {
		return target.Print(w, rows)
	}
	f, err := os.Create(o.out)
	if err != nil {
		return false, err
	}
	_, err = fmt.Fprintf(f, "%s\n    go run ./bench/measures -n %d -wide %d -o %s\n\n", head, o.n, o.wide, o.out)
	if err == nil {
		all, err = target.Print(f, rows)
	}
	if err == nil {
		_, err = io.WriteString(f, foot)
	}
	return all, errors.Join(err, f.Close())
}

// head begins the file.
const head = `# What is reached without regard to other stores

This file is written by a command, which ends with status 1 when something is
not reached:
`

// foot ends it.
const foot = `
The node reads of a merge of two branches, beside those of the two differences
(to reach: 1.1 of them), are shown by

    go test ./prolly -run TestMergeReads -v -merge.entries 1000000
`

func (o *options) measure(ctx context.Context) (rows []target.Row, err error) {
	add := func(more []target.Row, e error) {
		rows, err = append(rows, more...), errors.Join(err, e)
	}
	ns := prolly.NewMemStore()
	t, err := prolly.Build(ctx, ns, ascending(o.n))
	if err != nil {
		return nil, err
	}
	add(leaves(ctx, t, ns, o.edits))
	add(proofs(ctx, t, min(2_000, o.n)))
	t, ns = prolly.Tree{}, nil // the room is another's now
	add(weights(ctx, o.n, o.against))
	dir, e := os.MkdirTemp(o.dir, "measures")
	if err = errors.Join(err, e); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store := filepath.Join(dir, "store")
	if err := load(ctx, store, o.wide); err != nil {
		return nil, err
	}
	add(number(ctx, store))
	add(streams(ctx, store, o.wide))
	return rows, err
}
