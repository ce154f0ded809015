package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/others"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/report"
)

const defaultLimit = 15 * time.Minute

// plan is a run: every repetition goes through the workloads, and each workload
// through the peers, one process at a time, so that whatever slows the machine
// for a while falls on all of them. Who comes first changes.
type plan struct {
	n, reps   int
	seed      uint64
	cacheMiB  int64
	limit     time.Duration // for a cell
	dir       string
	profiles  string
	peers     []peer.Peer
	workloads []cell.Workload
	sizes     []int  // of the scaling workloads; none: they do not run
	raw       string // where results are kept while it runs; empty: nowhere

	onlyScaling bool

	exe  string
	root string // a temporary directory in dir
	out  *report.Run
}

// choose narrows the plan to named peers and workloads.
func (p *plan) choose(peers, workloads []string) error {
	p.peers, p.workloads = peer.All(), cell.All()
	if peers != nil {
		p.peers = nil
	}
	for _, name := range peers {
		x, err := peer.Find(name)
		if err != nil {
			return err
		}
		p.peers = append(p.peers, x)
	}
	for _, name := range workloads {
		if _, err := cell.Find(name); err != nil {
			return err
		}
	}
	if workloads != nil { // what leaves the fixture is run in any case
		p.workloads = slices.DeleteFunc(p.workloads, func(w cell.Workload) bool {
			return !w.Leaves && !slices.Contains(workloads, w.Name)
		})
	}
	return nil
}

func (p *plan) run(ctx context.Context, args []string) (_ *report.Run, err error) {
	if p.exe, err = os.Executable(); err != nil {
		return nil, err
	}
	if p.root, err = os.MkdirTemp(p.dir, "peers-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.root)) }()
	p.out = &report.Run{
		N: p.n, Reps: p.reps, Sizes: p.sizes, Seed: p.seed, CacheBytes: p.cacheMiB << 20, Args: args,
		Machine: report.ThisMachine(p.root),
	}
	for _, x := range p.peers {
		p.out.Peers = append(p.out.Peers, report.DescribePeer(x))
	}
	if err := atRest(ctx); err != nil {
		return nil, err
	}
	begin := time.Now()
	defer func() { p.out.Took = time.Since(begin) }()
	for rep := range p.reps {
		if !p.onlyScaling {
			if err := p.round(ctx, rep, p.n, p.workloads, false); err != nil {
				return nil, err
			}
		}
		for _, n := range p.sizes {
			if err := p.round(ctx, rep, n, cell.Scaling(), true); err != nil {
				return nil, err
			}
		}
	}
	return p.out, nil
}

// atRest looks at the machine before anything is measured, and says so when
// others are at work.
func atRest(ctx context.Context) error {
	watch := others.Begin()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	if share, ok := watch.End().Share(); ok && share > report.Noticeable {
		fmt.Fprintf(os.Stderr, "peers: other work takes %.0f %% of the processors\n", 100*share)
	}
	return nil
}

// round goes once through workloads with stores of n entries.
func (p *plan) round(ctx context.Context, rep, n int, workloads []cell.Workload, scaling bool) error {
	for i, w := range workloads {
		for j := range p.peers {
			x := p.peers[(j+i+rep)%len(p.peers)]
			if x.MaxReps > 0 && rep >= x.MaxReps || scaling && !x.Scales {
				continue
			}
			if err := p.cell(ctx, rep, n, w, x); err != nil {
				return err
			}
		}
		if p.raw != "" {
			if err := writeJSON(p.raw, p.out); err != nil {
				return err
			}
		}
	}
	return nil
}

// cell measures one cell. What goes wrong in it is part of the result; an error
// ends the run.
func (p *plan) cell(ctx context.Context, rep, n int, w cell.Workload, x peer.Peer) error {
	start := time.Now()
	c := report.Cell{Peer: x.Name, Workload: w.Name, N: n, Rep: rep}
	fixture := filepath.Join(p.root, "fixture-"+fileName(x.Name))
	dir, err := p.ground(w, fixture)
	if err != nil {
		return err
	}
	watch := others.Begin()
	r, err := p.process(ctx, w, cell.Spec{
		Peer: x.Name, Workload: w.Name, N: n, Seed: p.seed, CacheBytes: p.cacheMiB << 20,
		Dir: dir, Profile: p.profile(rep, w, x),
	})
	c.Others = watch.End()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.Failure = err.Error()
	} else {
		c.Result = *r
	}
	if dir != fixture {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	p.out.Cells = append(p.out.Cells, c)
	fmt.Fprintf(os.Stderr, "%d/%d %-8s %-15s %8d %6.1f s  %s\n", rep+1, p.reps, w.Name, x.Name, n, time.Since(start).Seconds(), c.Brief())
	return nil
}

// fileName is a peer's name as part of a file's.
func fileName(name string) string { return strings.NewReplacer(" ", "-", ",", "").Replace(name) }

// ground prepares the directory that a workload starts from.
func (p *plan) ground(w cell.Workload, fixture string) (dir string, err error) {
	dir = filepath.Join(p.root, "store")
	switch {
	case w.Ground == cell.Fixture:
		return fixture, nil
	case w.Ground == cell.Copy:
		return dir, os.CopyFS(dir, os.DirFS(fixture))
	case w.Leaves:
		dir = fixture
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	return dir, os.Mkdir(dir, 0o755)
}

func (p *plan) profile(rep int, w cell.Workload, x peer.Peer) string {
	if p.profiles == "" {
		return ""
	}
	name := fmt.Sprintf("%s-%s-%d.pprof", fileName(x.Name), w.Name, rep+1)
	return filepath.Join(p.profiles, name)
}

// process measures a cell in a process of its own.
func (p *plan) process(ctx context.Context, w cell.Workload, s cell.Spec) (*cell.Result, error) {
	spec, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, p.exe, "-cell", string(spec))
	c.Stdout, c.Stderr = &stdout, &stderr
	if w.Judged && os.Getenv("GOMEMLIMIT") == "" {
		c.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%d", s.CacheBytes+report.RunBytes), "MALLOC_ARENA_MAX=1")
	}
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("took longer than %v", p.limit)
		}
		return nil, fmt.Errorf("%w: %s", err, lastLine(stderr.String()))
	}
	r := new(cell.Result)
	if err := json.Unmarshal(stdout.Bytes(), r); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return r, nil
}

// lastLine keeps of what a process said what it said last, or why it panicked.
func lastLine(s string) string {
	if i := strings.Index(s, "panic:"); i >= 0 {
		s, _, _ = strings.Cut(s[i:], "\n")
		return s
	}
	s = strings.TrimSpace(s)
	return s[strings.LastIndex(s, "\n")+1:]
}
