package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/rows"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/car"
)

type loadOptions struct {
	commitOption
	format string
	rows   rows.Options
}

func newLoad(a *app) *cobra.Command {
	var o loadOptions
	c := &cobra.Command{
		Use:   "load FILE|-",
		Short: "Put all entries of a file, in one step, and commit",
		Long: `load puts the entries of a file, or with - of standard input, and commits. Their
order does not matter; of entries with one key the last counts. A file of any
size is read once, in bounded memory. Nothing is visible before all of it is
in: a malformed line is named, and nothing of the file is loaded.

Formats, guessed by the end of the file's name when not given:

  jsonl   {"key": "a", "value": "1"} on each line, as dump and scan write them.
          Bytes that are no UTF-8 are {"/": {"bytes": "<base64>"}}, a value that
          is a link is {"/": "<cid>"}. Guessed for every name but those below.
  csv     key,value as in RFC 4180. With --header the first line names the
          columns: those called key and value count, or else the only two.
          Guessed for .csv.
  lines   key, tab, value on each line; without a tab the line is a key with an
          empty value. Nothing is unescaped. With --line-numbers the line is the
          value, and its number, of twelve digits, the key.
          Guessed for .txt, .tsv and .lines.
  car     the entries of the tree in a CAR file, as export and dump write it; its
          commits are not taken over: see import. Guessed for .car.`,
		Example: `  prollyctl load data.jsonl -m "first import"
  prollyctl load --format csv --header people.csv
  prollyctl load --line-numbers /usr/share/dict/words --format lines
  zcat big.jsonl.gz | prollyctl load -
  prollyctl --store old dump | prollyctl --store new load -`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.load(c.Context(), args[0], o) },
	}
	o.commitOption.register(c)
	formatFlag(c, &o.format, "format of the file (default: by its name)")
	c.Flags().BoolVar(&o.rows.Header, "header", false, "csv: the first line names the columns")
	c.Flags().BoolVar(&o.rows.LineNumbers, "line-numbers", false, "lines: the keys are the line numbers")
	return c
}

func formatFlag(c *cobra.Command, to *string, usage string) {
	c.Flags().StringVar(to, "format", "", usage+": jsonl, csv, lines or car")
	must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(rows.Formats, cobra.ShellCompDirectiveNoFileComp)))
}

// parseFormat returns the format to use: the one asked for or else that of
// name.
func (o *loadOptions) parseFormat(name string) (rows.Format, error) {
	f := rows.FormatOf(name)
	if o.format != "" {
		var err error
		if f, err = rows.ParseFormat(o.format); err != nil {
			return f, usageError{err}
		}
	}
	if o.rows.Header && f != rows.CSV {
		return f, usagef("--header is for csv, not for %s", f)
	}
	if o.rows.LineNumbers && f != rows.Lines {
		return f, usagef("--line-numbers is for lines, not for %s", f)
	}
	return f, nil
}

func (a *app) load(ctx context.Context, file string, o loadOptions) error {
	format, err := o.parseFormat(file)
	if err != nil {
		return err
	}
	in, length, err := a.input(file)
	if err != nil {
		return err
	}
	defer in.Close() // it was only read
	limitMemory()
	return a.writing(ctx, func(s *session) error {
		return s.onto(ctx, func(b *engine.Branch) error {
			return s.loadFrom(ctx, b, in, length, file, format, o)
		})
	})
}

// limitMemory makes the garbage collector work harder rather than let the heap
// double over what is in use. $GOMEMLIMIT has precedence.
func limitMemory() {
	const heap = 256 << 20
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(heap)
	}
}

// input opens a file, or standard input for "-", and tells its length: -1 when
// it has none. It waits for the first byte of standard input, so that a dump of
// the same store at the other end of the pipe opens it first.
func (a *app) input(file string) (io.ReadCloser, int64, error) {
	if file == "-" {
		in := bufio.NewReader(a.stdin)
		if _, err := in.Peek(1); err != nil && err != io.EOF {
			return nil, 0, fmt.Errorf("read standard input: %w", err)
		}
		return io.NopCloser(in), -1, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		return f, -1, nil
	}
	return f, info.Size(), nil
}

func (s *session) loadFrom(ctx context.Context, b *engine.Branch, in io.Reader, length int64, file string, f rows.Format, o loadOptions) error {
	if file == "-" {
		file = "stdin"
	}
	p := s.progress(file, length)
	n, err := s.loadEntries(ctx, b, p, in, file, f, o.rows)
	p.end()
	if err != nil {
		return clearest(err)
	}
	if o.stage {
		return s.printLoaded(b, n)
	}
	return s.commitNow(ctx, b, o.message, &n)
}

func (s *session) loadEntries(ctx context.Context, b *engine.Branch, p *progress, in io.Reader, file string, f rows.Format, o rows.Options) (uint64, error) {
	if f != rows.CAR {
		return b.Load(ctx, p.count(rows.Read(file, p.reader(in), f, o)))
	}
	n, err := car.Load(ctx, b, p.reader(in), car.ImportOptions{Progress: p.blocks})
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return n, err
}

// clearest is the error about a line, when there is one, without what the
// engine says around it.
func clearest(err error) error {
	var line *rows.LineError
	if errors.As(err, &line) {
		return line
	}
	return err
}

func (s *session) printLoaded(b *engine.Branch, n uint64) error {
	info := stagedInfo{Branch: b.Name(), Staged: b.Staged(), Loaded: &n}
	return s.print(info, func(w io.Writer) {
		fmt.Fprintf(w, "%s: loaded %s, not committed\n", b.Name(), many(n, "entry", "entries"))
	})
}
