package main

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/bench/stall"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSmall goes through all of it at a small size. What depends on the machine
// is not demanded.
func TestSmall(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "off") // and the test's own is left alone
	o, err := parse([]string{"-n", "5000", "-commits", "30", "-edits", "100", "-keep", "5", "-check", "-calm", "50ms", "-dir", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := r.check.stats.Commits; n != 30 {
		t.Errorf("%d commits checked", n)
	}
	if n := r.gc.again.stats.Commits; n != 5 {
		t.Errorf("%d commits are left", n)
	}
	if r.check.stats.Problems+r.gc.again.stats.Problems > 0 {
		t.Errorf("problems: %v, %v", r.check.problems, r.gc.again.problems)
	}
	if r.gc.stats.Swept.NodeBytes == 0 || r.gc.left.Swept.NodeBytes*99 > r.gc.stats.Swept.NodeBytes {
		t.Errorf("%d bytes removed, %d left", r.gc.stats.Swept.NodeBytes, r.gc.left.Swept.NodeBytes)
	}
	if r.before == 0 || r.gc.after == 0 || len(r.calm.writes) == 0 || len(r.gc.writes) == 0 {
		t.Errorf("U1 violated: %d bytes before, %d after, %d and %d writes", r.before, r.gc.after, len(r.calm.writes), len(r.gc.writes))
	}
	var out strings.Builder
	if _, err := r.print(&out); err != nil || strings.Count(out.String(), " | ≤ ")+strings.Count(out.String(), " | ≥ ") != 5 {
		t.Errorf("%v\n%s", err, &out)
	}
}

// TestU2Verdict: a problem, or a row that is not reached, shows in the verdict.
func TestU2Verdict(t *testing.T) {
	now := time.Now()
	good := func() *result {
		c := &collected{stats: engine.GCStats{Swept: engine.Counts{NodeBytes: 1000}}, after: 130}
		c.left.Marked.NodeBytes = 100
		c.writes = stall.Writes{{Begin: now, Took: 10 * time.Millisecond}}
		return &result{gc: c, check: &checked{}}
	}
	for what, spoil := range map[string]func(r *result){
		"":        func(*result) {},
		"problem": func(r *result) { r.check.stats.Problems = 1 },
		"left":    func(r *result) { r.gc.left.Swept.NodeBytes = 11 },
		"disk":    func(r *result) { r.gc.after++ },
		"writes":  func(r *result) { r.gc.writes[0].Took += time.Millisecond },
		"memory":  func(r *result) { r.check.memory.Resident, r.check.held = 1<<30, 1<<30 },
		"nothing": func(r *result) { r.gc.stats.Swept.NodeBytes = 0 },
	} {
		r := good()
		spoil(r)
		var out strings.Builder
		if all, err := r.print(&out); err != nil || all != (what == "") {
			t.Errorf("U2 violated by %q: %v, %v\n%s", what, all, err, &out)
		}
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-n", "0"}, {"-commits", "0"}, {"-edits", "5", "-n", "4"}, {"-keep", "0"}, {"-calm", "0s"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
