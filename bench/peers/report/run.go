package report

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/others"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// Run is all that was measured at once, and where.
type Run struct {
	N, Reps    int
	Sizes      []int // of the scaling workloads
	Parts      int   // runs that this one was put together of, if several
	Seed       uint64
	CacheBytes int64
	Args       []string
	Machine    Machine
	Peers      []Peer
	Cells      []Cell
	Took       time.Duration
}

// Peer is what a report tells of a peer.
type Peer struct {
	Name, About, Module, Version, Format string
	Ours                                 bool
	MaxReps                              int
}

// DescribePeer adds the version that this program is built with.
func DescribePeer(p peer.Peer) Peer {
	return Peer{
		Name: p.Name, About: p.About, Module: p.Module, Version: moduleVersion(p.Module),
		Format: p.Format, Ours: p.Ours, MaxReps: p.MaxReps,
	}
}

// Cell is one process's result.
type Cell struct {
	Peer, Workload string
	N              int // entries in the store
	Rep            int
	cell.Result
	Failure string      // why there is none
	Others  others.Time // what others than its process took of the processors meanwhile
}

// name is the same for the repetitions of a cell.
func (c Cell) name() string { return fmt.Sprintf("%s on %s, %d", c.Workload, c.Peer, c.N) }

// Brief is the result in a few words.
func (c Cell) Brief() string {
	switch {
	case c.Failure != "":
		return "FAILED: " + c.Failure
	case c.Unable:
		return "–"
	}
	var words []string
	for _, r := range slices.Concat(rows, datastores, scales) {
		if v, ok := c.Figures[r.id]; ok && r.brief {
			words = append(words, fmt.Sprintf("%s %s %s", r.id, r.format(v), r.unit))
		}
	}
	return strings.Join(words, ", ")
}

// Merge adds what another run measured on the same data.
func (r *Run) Merge(other *Run) error {
	if r.N != other.N || r.Seed != other.Seed || r.CacheBytes != other.CacheBytes {
		return fmt.Errorf("report: runs of %d entries, seed %d, cache %d and of %d, %d, %d do not go together",
			r.N, r.Seed, r.CacheBytes, other.N, other.Seed, other.CacheBytes)
	}
	for _, p := range other.Peers {
		if r.peer(p.Name).Name == "" {
			r.Peers = append(r.Peers, p)
		}
	}
	for _, n := range other.Sizes {
		if !slices.Contains(r.Sizes, n) {
			r.Sizes = append(r.Sizes, n)
		}
	}
	slices.Sort(r.Sizes)
	if rev := other.Machine.Revision; !strings.Contains(r.Machine.Revision, rev) {
		r.Machine.Revision += " and " + rev
	}
	r.Cells = append(r.Cells, other.Cells...)
	r.Reps = max(r.Reps, other.Reps)
	r.Took += other.Took
	r.Parts = max(r.Parts, 1) + max(other.Parts, 1)
	return nil
}

// Noticeable is which part of the processors others may take before it is said.
const Noticeable = 0.05

// otherWork says what others than the run took of the processors, if that is
// noticeable or unknown.
func (r *Run) otherWork() string {
	var sum others.Time
	disturbed := 0
	for _, c := range r.Cells {
		sum = sum.Add(c.Others)
		if share, ok := c.Others.Share(); ok && share > Noticeable && c.Others.Others > time.Second {
			disturbed++
		}
	}
	share, ok := sum.Share()
	switch {
	case !ok:
		return "Whether other work ran at the same time is not known."
	case share > Noticeable:
		return fmt.Sprintf("**Other work took %.0f %% of the processors at the same time: these figures are a first look, to be replaced by a run on a machine at rest.**", 100*share)
	case disturbed > 0:
		return fmt.Sprintf("Other work took %.1f %% of the processors; more than %.0f %% in %d of %s.", 100*share, 100*Noticeable, disturbed, plural(len(r.Cells), "cell"))
	}
	return fmt.Sprintf("Other work took %.1f %% of the processors.", 100*share)
}

// Order puts the peers in the order of their names in a list. Others come last.
func (r *Run) Order(names []string) {
	place := func(p Peer) int {
		if i := slices.Index(names, p.Name); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortStableFunc(r.Peers, func(a, b Peer) int { return place(a) - place(b) })
}

// Err tells of failed cells and of wrong results.
func (r *Run) Err() error {
	var errs []error
	for _, c := range r.Cells {
		if c.Failure != "" {
			errs = append(errs, fmt.Errorf("%s on %s: %s", c.Workload, c.Peer, c.Failure))
		}
	}
	for _, w := range r.wrongs() {
		errs = append(errs, errors.New(w.String()))
	}
	return errors.Join(errs...)
}

// wrong is a cell whose result differs from what others got.
type wrong struct {
	cell *Cell
	what string
}

func (w wrong) String() string {
	return fmt.Sprintf("%s on %s: %s is not what the other peers have", w.cell.Workload, w.cell.Peer, w.what)
}

// wrongs compares digests with those of the first peer that has one, and roots
// within a format.
func (r *Run) wrongs() []wrong {
	var found []wrong
	right := map[string]string{}
	for _, c := range r.byPeer() {
		for _, name := range slices.Sorted(maps.Keys(c.Digests)) {
			if !agrees(right, fmt.Sprint("digest ", c.N, name), c.Digests[name]) {
				found = append(found, wrong{c, "the digest of " + name})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(c.Roots)) {
			if !agrees(right, fmt.Sprint("root ", c.N, r.peer(c.Peer).Format, name), c.Roots[name]) {
				found = append(found, wrong{c, "the root of " + name})
			}
		}
	}
	return found
}

// agrees tells whether a value is what was seen under its name before.
func agrees(right map[string]string, name, value string) bool {
	want, seen := right[name]
	if !seen {
		right[name] = value
	}
	return !seen || want == value
}

// byPeer lists the cells in the order of their peers.
func (r *Run) byPeer() []*Cell {
	var cells []*Cell
	for _, p := range r.Peers {
		for i := range r.Cells {
			if r.Cells[i].Peer == p.Name {
				cells = append(cells, &r.Cells[i])
			}
		}
	}
	return cells
}

func (r *Run) peer(name string) Peer {
	for _, p := range r.Peers {
		if p.Name == name {
			return p
		}
	}
	return Peer{}
}
