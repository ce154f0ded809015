package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/program"
)

func main() { program.Main("longwrite", command) }

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

// options say what to write.
type options struct {
	nodeBytes uint64 // to be made
	entries   int    // in the store
	edits     int    // of a write
	writers   int
	log       bool // nodes go through the log and not behind
	sync      bool // every write waits for the disk
	stall     time.Duration
	dir       string
	seed      uint64
}

func parse(args []string) (*options, error) {
	var o options
	var gib float64
	s := flag.NewFlagSet("longwrite", flag.ContinueOnError)
	s.Float64Var(&gib, "gib", 4, "GiB of nodes to write")
	s.IntVar(&o.entries, "n", 1_000_000, "entries in the store")
	s.IntVar(&o.edits, "edits", 100, "updates in each write")
	s.IntVar(&o.writers, "writers", 1, "writers at once")
	s.BoolVar(&o.log, "log", false, "write nodes through Pebble's log instead of behind")
	s.BoolVar(&o.sync, "sync", false, "wait for the disk at each write")
	s.DurationVar(&o.stall, "stall", 100*time.Millisecond, "writes longer than this are told")
	s.StringVar(&o.dir, "dir", "", "directory for the store; the system's temporary one if empty")
	s.Uint64Var(&o.seed, "seed", 1, "seed of the data")
	if err := s.Parse(args); err != nil {
		return nil, err
	}
	o.nodeBytes = uint64(gib * (1 << 30))
	if s.NArg() > 0 || o.nodeBytes == 0 || o.entries < 1 || o.edits < 1 || o.edits > o.entries || o.writers < 1 {
		return nil, errors.New("amounts must be above 0, and no more edits than entries; nothing but flags")
	}
	return &o, nil
}
