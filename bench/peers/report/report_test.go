package report

import (
	"math"
	"strings"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
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
		Cell{Peer: name, Workload: "sorted", Rep: rep, Result: cell.Result{
			Figures: map[string]float64{"sorted": load * noise},
			Digests: map[string]string{"loaded": "d"},
			Roots:   map[string]string{"loaded": "r-" + name},
		}},
		Cell{Peer: name, Workload: "get", Rep: rep, Result: cell.Result{
			Figures: map[string]float64{"get": get * noise},
			Digests: map[string]string{"got": "g"},
		}})
}

func ratioOf(t *testing.T, r *Run, id string) float64 {
	t.Helper()
	for _, w := range rows {
		if w.id == id {
			x, ok := r.figures().ratio(w, "engine", r.base())
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
	if l := r.losses(r.figures()); len(l) > 0 {
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
	f := r.figures()
	if v, ok := f["get"]["engine"]; ok {
		t.Errorf("T1 violated: wrong reads have the figure %v", v)
	}
	if _, ok := f["sorted"]["engine"]; !ok {
		t.Error("what was right is dropped too")
	}
	b, err := Markdown(r)
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

func TestABusyMachineIsSaid(t *testing.T) {
	for load, want := range map[string]bool{"": false, "0.30": false, "7.10": true} {
		r := sample()
		r.Machine.Load = load
		b, err := Markdown(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(b), "Other work ran"); got != want {
			t.Errorf("load %q: said %v", load, got)
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

func TestEarlierRatios(t *testing.T) {
	for _, w := range rows {
		if w.id == "diff.1" && math.Abs(w.bestDolt()-149570/10.5) > 1 {
			t.Errorf("Dolt's best ratio at diff.1: %v", w.bestDolt())
		}
		if w.then.reach != 0 && w.of(w.then.reach) < w.bestDolt() {
			t.Errorf("%s: less is to be reached than Dolt has", w.id)
		}
	}
}
