package run

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/report"
)

// Main is a program that compares the peers of package peer. It does not return.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := Command(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// flags of the command.
type flags struct {
	plan     plan
	out      string // where the report goes; empty: standard output
	raw      string // where the results go, as JSON; empty: nowhere
	from     string // files of results to report on instead of measuring, by commas
	plots    string // directory for pictures; empty: none
	sizes    string
	cell     string // what a process started by plan is to measure
	peers    string
	workload string
}

func parse(args []string) (*flags, error) {
	var f flags
	s := flag.NewFlagSet("peers", flag.ContinueOnError)
	s.IntVar(&f.plan.n, "n", 100_000, "entries in each store")
	s.IntVar(&f.plan.reps, "reps", 3, "repetitions, of which the median counts")
	s.Uint64Var(&f.plan.seed, "seed", 1, "seed of the data")
	s.Int64Var(&f.plan.cacheMiB, "cache", 256, "cache of each store, in MiB")
	s.DurationVar(&f.plan.limit, "limit", defaultLimit, "longest time for one cell")
	s.StringVar(&f.plan.dir, "dir", "", "directory for the stores; the system's temporary one if empty")
	s.StringVar(&f.plan.profiles, "profiles", "", "directory for a CPU profile of each cell; none if empty")
	s.StringVar(&f.peers, "peers", "", "peers to measure, separated by semicolons; all if empty")
	s.StringVar(&f.workload, "workloads", "", "workloads to measure, separated by commas; all if empty")
	s.StringVar(&f.out, "o", "", "file for the report; standard output if empty")
	s.StringVar(&f.raw, "json", "", "file for all results, as JSON")
	s.StringVar(&f.from, "from", "", "report on the results in these files, separated by commas, together, instead of measuring")
	s.StringVar(&f.plots, "plots", "", "directory for SVG pictures; none if empty")
	s.StringVar(&f.sizes, "scaling", "", "sizes to measure scaling at, as in 10000,100000; none if empty")
	s.BoolVar(&f.plan.onlyScaling, "only-scaling", false, "measure scaling and nothing else")
	s.StringVar(&f.cell, "cell", "", "measure one cell, given as JSON; used by the command itself")
	if err := s.Parse(args); err != nil {
		return nil, err
	}
	if s.NArg() > 0 {
		return nil, fmt.Errorf("what is %q?", s.Arg(0))
	}
	if f.plan.n < 1 || f.plan.reps < 1 {
		return nil, errors.New("-n and -reps must be at least 1")
	}
	for _, size := range split(f.sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-scaling: %q is no number of entries", size)
		}
		f.plan.sizes = append(f.plan.sizes, n)
	}
	return &f, f.plan.choose(split(f.peers, ";"), split(f.workload, ","))
}

func split(list, by string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, by)
}

// Command is what Main does, with the arguments given.
func Command(ctx context.Context, args []string, stdout io.Writer) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	if f.cell != "" {
		return measure(ctx, f.cell, stdout)
	}
	run, err := f.results(ctx, args)
	if err != nil {
		return err
	}
	if err := f.write(run, stdout); err != nil {
		return err
	}
	return run.Err()
}

// write puts the results, the pictures and the report where they were asked for.
func (f *flags) write(run *report.Run, stdout io.Writer) error {
	if f.raw != "" {
		if err := writeJSON(f.raw, run); err != nil {
			return err
		}
	}
	plots := ""
	if f.plots != "" {
		if err := os.MkdirAll(f.plots, 0o755); err != nil {
			return err
		}
		for name, svg := range report.Plots(run) {
			if err := os.WriteFile(filepath.Join(f.plots, name), svg, 0o644); err != nil {
				return err
			}
		}
		var err error
		if plots, err = filepath.Rel(filepath.Dir(f.out), f.plots); err != nil {
			return err
		}
		plots = filepath.ToSlash(plots)
	}
	b, err := report.Markdown(run, plots)
	if err != nil {
		return err
	}
	if f.out == "" {
		_, err = stdout.Write(b)
		return err
	}
	return os.WriteFile(f.out, b, 0o644)
}

// results measures, or reads what was measured.
func (f *flags) results(ctx context.Context, args []string) (*report.Run, error) {
	if f.from == "" {
		f.plan.raw = f.raw
		return f.plan.run(ctx, args)
	}
	var all *report.Run
	for _, path := range split(f.from, ",") {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		run := new(report.Run)
		if err := json.Unmarshal(b, run); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if all == nil {
			all = run
			continue
		}
		if err := all.Merge(run); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	all.Order(peerNames())
	return all, nil
}

func peerNames() (names []string) {
	for _, p := range peer.All() {
		names = append(names, p.Name)
	}
	return names
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// measure is what a process for one cell does.
func measure(ctx context.Context, spec string, stdout io.Writer) (err error) {
	var s cell.Spec
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return fmt.Errorf("-cell: %w", err)
	}
	stop, err := startProfile(s.Profile)
	if err != nil {
		return err
	}
	r, err := cell.Run(ctx, s)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(r)
}
