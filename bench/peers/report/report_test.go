package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/others"
)

// sample is a run of three repetitions on two peers, the second of which is
// twice as fast at everything.
func sample() *Run {
	r := &Run{N: earlierN, Reps: 3, Peers: []Peer{
		{Name: "raw Pebble"},
		{Name: "engine", Ours: true, Format: "prolly 1"},
	}}
	for rep := range 3 {
		r.add("raw Pebble", rep, 1000, 4e-6)
		r.add("engine", rep, 2000, 2e-6)
	}
	return r
}

func (r *Run) add(name string, rep int, load, get float64) {
	noise := 1 + 0.1*float64(rep-1)
	r.Cells = append(r.Cells,
		Cell{Peer: name, Workload: "sorted", N: r.N, Rep: rep, Result: cell.Result{
			Figures: map[string]float64{"sorted": load * noise},
			Digests: map[string]string{"loaded": "d"},
			Roots:   map[string]string{"loaded": "r-" + name},
		}},
		Cell{Peer: name, Workload: "get", N: r.N, Rep: rep, Result: cell.Result{
			Figures: map[string]float64{"get": get * noise},
			Digests: map[string]string{"got": "g"},
		}})
}

func ratioOf(t *testing.T, r *Run, id string) float64 {
	t.Helper()
	for _, w := range rows {
		if w.id == id {
			x, ok := r.figures(r.N).ratio(w, "engine", r.base())
			if !ok {
				t.Fatalf("%s has no ratio", id)
			}
			return x
		}
	}
	t.Fatalf("no row %s", id)
	return 0
}

func TestT2BetterIsAboveOne(t *testing.T) {
	r := sample()
	for _, id := range []string{"sorted", "get"} {
		if x := ratioOf(t, r, id); math.Abs(x-2) > 1e-9 {
			t.Errorf("T2 violated at %s: %v", id, x)
		}
	}
	if err := r.Err(); err != nil {
		t.Errorf("%v", err)
	}
	if l := r.losses(r.figures(r.N)); len(l) > 0 {
		t.Errorf("lost: %q", l)
	}
}

func TestT1WrongResultsHaveNoFigure(t *testing.T) {
	r := sample()
	for i := range r.Cells {
		if c := &r.Cells[i]; c.Peer == "engine" && c.Workload == "get" && c.Rep == 1 {
			c.Digests = map[string]string{"got": "something else"}
		}
	}
	f := r.figures(r.N)
	if v, ok := f["get"]["engine"]; ok {
		t.Errorf("T1 violated: wrong reads have the figure %v", v)
	}
	if _, ok := f["sorted"]["engine"]; !ok {
		t.Error("what was right is dropped too")
	}
	b, err := Markdown(r, "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "get on engine: the digest of got is not what the other peers have") {
		t.Errorf("the report does not tell:\n%s", b)
	}
	if r.Err() == nil {
		t.Error("no error")
	}
}

func TestT1RootsWithinAFormat(t *testing.T) {
	r := sample()
	r.Peers = append(r.Peers, Peer{Name: "prollyds", Ours: true, Format: "prolly 1"})
	r.add("prollyds", 0, 1, 1)
	if w := r.wrongs(); len(w) != 1 || w[0].cell.Peer != "prollyds" || !strings.Contains(w[0].what, "root") {
		t.Errorf("T1 violated: another root of the same content: %v", w)
	}
}

func TestOtherWorkIsSaid(t *testing.T) {
	const s = time.Second
	for _, x := range []struct {
		cells []others.Time // of the first cells; of the rest nothing is known
		want  string
	}{
		{nil, "is not known"},
		{[]others.Time{{Others: 4 * s, All: 100 * s}, {Others: 0, All: 100 * s}}, "took 2.0 % of the processors."},
		{[]others.Time{{Others: 6 * s, All: 100 * s}, {Others: 0, All: 100 * s}}, "took 3.0 % of the processors; more than 5 % in 1 of 12 cells"},
		{[]others.Time{{Others: 6 * s, All: 100 * s}}, "**Other work took 6 % of the processors"},
	} {
		r := sample()
		for i, c := range x.cells {
			r.Cells[i].Others = c
		}
		b, err := Markdown(r, "")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), x.want) {
			t.Errorf("%v: %q is not said, but %q", x.cells, x.want, r.otherWork())
		}
	}
}

func TestSpread(t *testing.T) {
	for _, x := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{3, 1}, spread{2, 1, 3}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
	} {
		if got := spreadOf(x.values); got != x.want {
			t.Errorf("%v: %v", x.values, got)
		}
	}
}

func TestNumber(t *testing.T) {
	for want, v := range map[string]float64{
		"1,234,567": 1234567, "149,570": 149570.4, "1,000": 999.6e0 + 0.4, "123": 123.4, "12.3": 12.34, "1.23": 1.234,
		"0.12": 0.123, "0.0012": 0.00123, "0": 0,
	} {
		if got := number(v); got != want {
			t.Errorf("%v: %s, not %s", v, got, want)
		}
	}
}

// TestReach: what is to be reached moves with the figure it is measured by.
func TestReach(t *testing.T) {
	r := sample()
	for _, w := range rows {
		want, ok := w.target(r.figures(r.N))
		switch {
		case w.id == "sorted" && (!ok || math.Abs(want-1000*2200/1455.) > 1e-6):
			t.Errorf("1.51 times raw Pebble's 1,000 is %v, %v", want, ok)
		case w.id == "get" && (!ok || math.Abs(want-4e-6*1.2/3.2) > 1e-12):
			t.Errorf("0.375 of raw Pebble's 4 µs is %v, %v", want, ok)
		case w.id == "batched" && ok:
			t.Error("something is to be reached by a store that is not there")
		}
		if w.reach.peer != "" && w.better(w.reach.figure, w.reach.was) < 0.5 {
			t.Errorf("%s: to be half as good as %s is nothing to reach", w.id, w.reach.peer)
		}
	}
	lines := r.reachTable(r.figures(r.N)).lines
	if len(lines) != 2 || !strings.Contains(lines[0][5], "yes, 1.32") || !strings.Contains(lines[1][5], "**no**, 0.75") {
		t.Errorf("verdicts: %q", lines)
	}
}

func TestLossesAreTold(t *testing.T) {
	r := sample()
	r.Peers[0].Ours, r.Peers[1].Ours = true, false
	if l := r.losses(r.figures(r.N)); len(l) != 2 || !strings.Contains(l[0], "than raw Pebble, engine is 2.00 × as fast") {
		t.Errorf("lost: %q", l)
	}
}

func TestMerge(t *testing.T) {
	a, b := sample(), sample()
	b.Peers = append(b.Peers, Peer{Name: "another"})
	b.Sizes = []int{10}
	if err := a.Merge(b); err != nil || len(a.Cells) != 24 || len(a.Peers) != 3 || a.Parts != 2 || len(a.Sizes) != 1 {
		t.Errorf("%v: %d cells, %d peers, %d parts", err, len(a.Cells), len(a.Peers), a.Parts)
	}
	b.Machine.Revision = "another"
	if err := a.Merge(b); err != nil || !strings.HasSuffix(a.Machine.Revision, " and another") {
		t.Errorf("%v: revision %s", err, a.Machine.Revision)
	}
	b.N++
	if a.Merge(b) == nil {
		t.Error("runs of different sizes go together")
	}
}
