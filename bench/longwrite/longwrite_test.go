package main

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestW1Amplification: both ways write every node once at least, and through the
// log twice.
func TestW1Amplification(t *testing.T) {
	for _, log := range []bool{false, true} {
		o, err := parse([]string{"-gib", "0.01", "-n", "2000", "-edits", "50", "-writers", "2", "-dir", t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		o.log = log
		r, err := o.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.nodes < o.nodeBytes || len(r.writes) == 0 {
			t.Errorf("W1 violated: %d bytes of nodes by %d writes", r.nodes, len(r.writes))
		}
		if log && r.amplification() < 0.9 {
			t.Errorf("W1 violated: an amplification of %v through the log", r.amplification())
		}
		if !log && r.amplification() <= 0 {
			t.Errorf("W1 violated: an amplification of %v behind", r.amplification())
		}
		var text strings.Builder
		if err := r.print(&text); err != nil || !strings.Contains(text.String(), "write amplification") {
			t.Errorf("%v\n%s", err, &text)
		}
	}
}

func TestW2StallsAndTheirCauses(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(1000 + ms)) }
	ms := time.Millisecond
	r := &result{
		options: options{stall: 100 * ms},
		writes:  []write{{at(500), 300 * ms}, {at(0), 50 * ms}, {at(100), 101 * ms}},
		events: []pebblekv.Event{
			{What: "flush", Begin: at(400), Took: 200 * ms},
			{What: "compaction", Begin: at(0), Took: 10_000 * ms},
			{What: "elsewhere", Begin: at(5_000), Took: 100 * ms},
		},
	}
	long := r.stalls()
	if len(long) != 2 || !long[0].begin.Equal(at(100)) {
		t.Fatalf("W2 violated: %v", long)
	}
	if got, want := strings.Join(r.causes(long[1]), "; "), "compaction, 300ms; flush, 100ms"; got != want {
		t.Errorf("W2 violated: %q, not %q", got, want)
	}
	r.events = nil
	if got := r.causes(long[0])[0]; !strings.Contains(got, "nothing that the store did") {
		t.Errorf("no cause: %q", got)
	}
	if got := r.quantile(0.5); got != 101*ms {
		t.Errorf("the median is %v", got)
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-gib", "0"}, {"-n", "0"}, {"-edits", "5", "-n", "4"}, {"-writers", "0"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
