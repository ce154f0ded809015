package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/program"
)

func main() { program.Main("upkeep", command) }

func command(ctx context.Context, args []string) (all bool, err error) {
	o, err := parse(args)
	if err != nil {
		return false, err
	}
	r, err := o.run(ctx)
	if err != nil {
		return false, err
	}
	return r.print(os.Stdout)
}

// options say what to make and to measure.
type options struct {
	entries, commits, edits int
	keep                    int // commits, the newest
	check, gc               bool
	calm                    time.Duration
	pace                    time.Duration // of reads, and of writes
	dir                     string
	seed                    uint64
	tell                    func(format string, args ...any) // how far it is
}

func parse(args []string) (*options, error) {
	var o options
	s := flag.NewFlagSet("upkeep", flag.ContinueOnError)
	s.IntVar(&o.entries, "n", 1_000_000, "entries in the store")
	s.IntVar(&o.commits, "commits", 1000, "commits on top of them")
	s.IntVar(&o.edits, "edits", 1000, "updates of random entries in each")
	s.IntVar(&o.keep, "keep", 10, "newest commits that a collection keeps")
	s.BoolVar(&o.check, "check", false, "check everything before the collection")
	s.BoolVar(&o.gc, "gc", true, "collect")
	s.DurationVar(&o.calm, "calm", 10*time.Second, "how long readers and writers are alone beforehand")
	s.DurationVar(&o.pace, "pace", 200*time.Microsecond, "how often there is a read, and a write, unless the one before takes longer")
	s.StringVar(&o.dir, "dir", "", "directory for the store; the system's temporary one if empty")
	s.Uint64Var(&o.seed, "seed", 1, "seed of the data")
	if err := s.Parse(args); err != nil {
		return nil, err
	}
	if s.NArg() > 0 || o.entries < 1 || o.commits < 1 || o.edits < 1 || o.edits > o.entries || o.keep < 1 || o.calm <= 0 || o.pace <= 0 {
		return nil, errors.New("amounts must be above 0, and no more edits than entries; nothing but flags")
	}
	o.tell = func(string, ...any) {}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		o.tell = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	}
	return &o, nil
}
