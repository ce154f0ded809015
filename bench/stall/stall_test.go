package stall

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

const ms = time.Millisecond

func at(n int) time.Time { return time.UnixMilli(int64(1000 + n)) }

func TestL1Causes(t *testing.T) {
	writes := Writes{{at(500), 300 * ms}, {at(0), 50 * ms}, {at(100), 101 * ms}}
	var events Events
	for _, e := range []pebblekv.Event{
		{What: "flush", Begin: at(400), Took: 200 * ms},
		{What: "compaction", Begin: at(0), Took: 10_000 * ms},
		{What: "elsewhere", Begin: at(5_000), Took: 100 * ms},
		{What: "short", Begin: at(600), Took: ms / 2},
	} {
		events.Add(e)
	}
	if n := len(events.All()); n != 3 {
		t.Errorf("%d events", n)
	}
	long := writes.Longer(100 * ms)
	if len(long) != 2 || !long[0].Begin.Equal(at(100)) {
		t.Fatalf("L1 violated: %v", long)
	}
	if got, want := strings.Join(Causes(events.All(), long[1]), "; "), "compaction, 300ms; flush, 100ms"; got != want {
		t.Errorf("L1 violated: %q, not %q", got, want)
	}
	if got := Causes(nil, long[0])[0]; !strings.Contains(got, "nothing that the store did") {
		t.Errorf("L1 violated: no cause: %q", got)
	}
	var out strings.Builder
	if err := writes.Tell(&out, 100*ms, events.All()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"longer than 100ms   2 of 3", "300ms  compaction, 300ms; flush, 100ms", "2 × compaction"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

func TestTellsSoMany(t *testing.T) {
	writes := make(Writes, listed+5)
	for i := range writes {
		writes[i] = Write{at(i), time.Second}
	}
	var out strings.Builder
	if err := writes.Tell(&out, ms, nil); err != nil || !strings.Contains(out.String(), "and 5 more") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestQuantiles(t *testing.T) {
	var writes Writes
	if writes.Quantile(0.5) != 0 {
		t.Error("the median of nothing")
	}
	for i := range 1000 {
		writes = append(writes, Write{at(i), time.Duration(1000-i) * ms})
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		if got := writes.Quantile(q); got != want*ms {
			t.Errorf("%v is %v, not %v", q, got, want*ms)
		}
	}
	if got, want := writes.Histogram(), fmt.Sprintf("≤3ms: %d", 2); !strings.Contains(got, want) {
		t.Errorf("%q is not in %q", want, got)
	}
}
