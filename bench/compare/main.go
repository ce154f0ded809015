package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/go-ds-prolly/go-ds-prolly/bench/program"
)

func main() {
	program.Main("compare", func(ctx context.Context, args []string) (bool, error) {
		return true, command(ctx, args, os.Stdout)
	})
}

func command(ctx context.Context, args []string, stdout io.Writer) error {
	c, out, err := parse(args)
	if err != nil {
		return err
	}
	text, err := c.run(ctx)
	if err != nil {
		return err
	}
	if _, err := stdout.Write(text); err != nil || out == "" {
		return err
	}
	return os.WriteFile(out, text, 0o644)
}

// parse returns what to compare, and a file to write the result to as well.
func parse(args []string) (c *comparison, out string, err error) {
	c = &comparison{stat: benchstat, progress: os.Stderr}
	s := flag.NewFlagSet("compare", flag.ContinueOnError)
	s.Usage = func() {
		fmt.Fprintf(s.Output(), "compare -base REV [-head REV] [-bench REGEX] [-count N] PACKAGE [argument of its benchmarks …]\n")
		s.PrintDefaults()
	}
	s.StringVar(&c.base.rev, "base", "", "revision to compare with")
	s.StringVar(&c.head.rev, "head", "", "revision to compare; what is in the working tree if empty")
	s.StringVar(&c.bench, "bench", ".", "benchmarks to run, as go test takes them")
	s.StringVar(&c.benchtime, "benchtime", "", "time or number of iterations for each, as go test takes it")
	s.IntVar(&c.count, "count", 10, "how often each revision runs")
	s.StringVar(&out, "o", "", "file for the result, beside standard output")
	if err := s.Parse(args); err != nil {
		return nil, "", err
	}
	switch {
	case c.base.rev == "":
		err = errors.New("-base is missing: which revision to compare with?")
	case c.count < 1:
		err = errors.New("-count must be at least 1")
	case s.NArg() == 0:
		err = errors.New("which package?")
	}
	if err != nil {
		return nil, "", err
	}
	c.pkg, c.args = s.Arg(0), s.Args()[1:]
	return c, out, nil
}
