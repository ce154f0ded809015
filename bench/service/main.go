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

// roleVariable, set in the environment, makes a process the service.
const roleVariable = "PROLLY_BENCH_SERVICE"

func main() {
	program.Main("service", func(ctx context.Context, args []string) (bool, error) {
		return true, command(ctx, args)
	})
}

func command(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if os.Getenv(roleVariable) != "" {
		return o.serve(ctx, os.Stdin, os.Stdout)
	}
	r, err := o.run(ctx)
	if err != nil {
		return err
	}
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	return r.verdict()
}

// options say what is measured.
type options struct {
	spaces   int
	clients  int           // at once
	duration time.Duration // of the rounds
	edits    int           // entries written before each sync
	invoke   float64       // share of the syncs that bring an invocation
	memory   int64         // bytes that the service keeps to; its default when 0
	open     int           // spaces that the service holds in memory; its default when 0
	cache    int64         // bytes of the service's cache of nodes
	audit    int           // spaces looked at in the end
	dir      string
	pprof    string
	output   string
	seed     uint64
}

func parse(args []string) (*options, error) {
	var o options
	s := flag.NewFlagSet("service", flag.ContinueOnError)
	s.IntVar(&o.spaces, "spaces", 10_000, "spaces")
	s.IntVar(&o.clients, "clients", 64, "clients that sync at once")
	s.DurationVar(&o.duration, "for", 2*time.Minute, "how long they sync, after all spaces are made")
	s.IntVar(&o.edits, "edits", 3, "entries written before each sync")
	s.Float64Var(&o.invoke, "invoke", 0.25, "share of the syncs that bring an invocation (space/blob/add)")
	s.Int64Var(&o.memory, "memory", 0, "bytes of memory that the service keeps to, about; its default when 0")
	s.IntVar(&o.open, "open", 0, "branches that the service holds in memory; its default when 0")
	s.Int64Var(&o.cache, "cache", 64<<20, "bytes of the service's cache of nodes")
	s.IntVar(&o.audit, "audit", 500, "spaces that are audited in the end")
	s.StringVar(&o.dir, "dir", "", "directory for the store; the system's temporary one if empty")
	s.StringVar(&o.pprof, "pprof", "", "write CPU and heap profiles of the service into this directory")
	s.StringVar(&o.output, "o", "text", "text or json")
	s.Uint64Var(&o.seed, "seed", 1, "seed of what is written where")
	if err := s.Parse(args); err != nil {
		return nil, err
	}
	if s.NArg() > 0 || o.clients < 1 || o.spaces < o.clients || o.edits < 0 || o.invoke < 0 || o.invoke > 1 || o.duration <= 0 {
		return nil, errors.New("amounts must be above 0, with a space at least for each client, and a share from 0 to 1; nothing but flags")
	}
	if o.output != "text" && o.output != "json" {
		return nil, fmt.Errorf("-o %s: text or json", o.output)
	}
	return &o, nil
}
