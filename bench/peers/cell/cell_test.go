package cell

import (
	"os"
	"slices"
	"testing"
	"time"
)

const small = 200

// results runs every workload on a peer, in this process.
func results(t *testing.T, name string) map[string]*Result {
	t.Helper()
	all := map[string]*Result{}
	fixture := t.TempDir()
	for _, w := range All() {
		dir := fixture
		switch {
		case w.Ground == Copy:
			dir = t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(fixture)); err != nil {
				t.Fatal(err)
			}
		case w.Ground == Empty && !w.Leaves:
			dir = t.TempDir()
		}
		r, err := Run(t.Context(), Spec{Peer: name, Workload: w.Name, N: small, Seed: 1, CacheBytes: 64 << 20, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		all[w.Name] = r
	}
	again, err := Run(t.Context(), Spec{Peer: name, Workload: "scan", N: small, Seed: 1, CacheBytes: 64 << 20, Dir: fixture})
	if err != nil {
		t.Fatal(err)
	}
	if again.Digests["loaded"] != all["sorted"].Digests["loaded"] {
		t.Errorf("M2 violated by %s: the fixture holds something else", name)
	}
	return all
}

func TestM1EqualWorkEqualDigests(t *testing.T) {
	theirs, ours := results(t, "go-ds-pebble"), results(t, "prollyds")
	for _, w := range All() {
		a, b := theirs[w.Name], ours[w.Name]
		if a.Unable || b.Unable {
			continue
		}
		if len(a.Figures) == 0 || len(b.Figures) == 0 {
			t.Errorf("%s: no figures", w.Name)
		}
		if w.Name != "open" && len(a.Digests) == 0 {
			t.Errorf("M1 violated: %s digests nothing", w.Name)
		}
		for name, want := range a.Digests {
			if b.Digests[name] != want {
				t.Errorf("M1 violated: %s: %s is %q and %q", w.Name, name, want, b.Digests[name])
			}
		}
	}
	if !theirs["diff"].Unable {
		t.Error("go-ds-pebble has no versions, and yet it tells them apart")
	}
}

func TestUnknown(t *testing.T) {
	for _, s := range []Spec{{Peer: "nobody", Workload: "get"}, {Peer: "engine", Workload: "sleep"}} {
		if _, err := Run(t.Context(), s); err == nil {
			t.Errorf("%+v runs", s)
		}
	}
}

func TestQuantile(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)*time.Second)
	}
	before := slices.Clone(times)
	for q, want := range map[float64]float64{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := quantile(times, q); got != want {
			t.Errorf("%v-quantile of 1 to 100: %v", q, got)
		}
	}
	if !slices.Equal(before, times) {
		t.Error("quantile reorders what it is given")
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("of nothing")
	}
}
