package main

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/bench/stall"
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
		if _, err := r.print(&text); err != nil || !strings.Contains(text.String(), "write amplification") {
			t.Errorf("%v\n%s", err, &text)
		}
	}
}

func TestW2W3Result(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(1000 + ms)) }
	const ms = time.Millisecond
	r := &result{
		options: options{stall: 100 * ms},
		nodes:   100,
		after:   pebblekv.Metrics{IngestedBytes: 110},
		writes:  stall.Writes{{Begin: at(500), Took: 300 * ms}, {Begin: at(0), Took: 50 * ms}},
		events:  []pebblekv.Event{{What: "flush", Begin: at(400), Took: 200 * ms}},
	}
	reached := func() (string, bool) {
		var text strings.Builder
		all, err := r.print(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text.String(), all
	}
	if text, all := reached(); all || !strings.Contains(text, "300ms  flush, 100ms") || strings.Contains(text, "50ms  ") {
		t.Errorf("W2 or W3 violated:\n%s", text)
	}
	r.writes = r.writes[1:]
	if text, all := reached(); !all {
		t.Errorf("W3 violated:\n%s", text)
	}
	r.after.IngestedBytes++
	if text, all := reached(); all {
		t.Errorf("W3 violated:\n%s", text)
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-gib", "0"}, {"-n", "0"}, {"-edits", "5", "-n", "4"}, {"-writers", "0"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
