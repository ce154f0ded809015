package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// events gathers what the store tells. Its methods may be called by several
// goroutines at once.
type events struct {
	mu   sync.Mutex
	list []pebblekv.Event
}

func (e *events) add(x pebblekv.Event) {
	e.mu.Lock()
	e.list = append(e.list, x)
	e.mu.Unlock()
}

func (e *events) all() []pebblekv.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// result is what a run came to.
type result struct {
	options
	before, after pebblekv.Metrics
	nodes         uint64 // bytes of nodes made
	writes        []write
	took          time.Duration
	events        []pebblekv.Event
}

// amplification is W1.
func (r *result) amplification() float64 {
	return float64(written(r.after)-written(r.before)) / float64(r.nodes)
}

// quantile is the smallest time that no more than 1-q of the writes exceed.
func (r *result) quantile(q float64) time.Duration {
	if len(r.writes) == 0 {
		return 0
	}
	times := make([]time.Duration, len(r.writes))
	for i, w := range r.writes {
		times[i] = w.took
	}
	slices.Sort(times)
	i := int(q*float64(len(times))+0.5) - 1
	return times[min(max(i, 0), len(times)-1)]
}

// stalls are the writes that took too long, in the order they began.
func (r *result) stalls() (long []write) {
	for _, w := range r.writes {
		if w.took > r.stall {
			long = append(long, w)
		}
	}
	slices.SortFunc(long, func(a, b write) int { return a.begin.Compare(b.begin) })
	return long
}

// causes says what overlapped a write, the longest first, and for how long.
func (r *result) causes(w write) []string {
	type cause struct {
		what string
		took time.Duration
	}
	var found []cause
	for _, e := range r.events {
		from, to := later(e.Begin, w.begin), earlier(e.Begin.Add(e.Took), w.begin.Add(w.took))
		if d := to.Sub(from); d > time.Millisecond {
			found = append(found, cause{e.What, d})
		}
	}
	if found == nil {
		return []string{"nothing that the store did: the disk, or other work on the machine"}
	}
	slices.SortFunc(found, func(a, b cause) int { return int(b.took - a.took) })
	var words []string
	for _, c := range found[:min(len(found), 4)] {
		words = append(words, fmt.Sprintf("%s, %v", c.what, c.took.Round(time.Millisecond)))
	}
	return words
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

const mib = 1 << 20

func (r *result) print(w io.Writer) error {
	way := "behind, in runs"
	if r.log {
		way = "through the log"
	}
	b, a := r.before, r.after
	var text strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	say("%d entries; %d writes of %d updates and a root, %d at once; nodes %s", r.entries, len(r.writes), r.edits, r.writers, way)
	say("nodes made           %8.0f MiB in %v, %.0f MiB/s", float64(r.nodes)/mib, r.took.Round(time.Second), float64(r.nodes)/mib/r.took.Seconds())
	say("written to files     %8.0f MiB: log %.0f, flushed and compacted %.0f, taken in as built %.0f",
		float64(written(a)-written(b))/mib, float64(a.LogBytes-b.LogBytes)/mib,
		float64(a.TableBytes-b.TableBytes)/mib, float64(a.IngestedBytes-b.IngestedBytes)/mib)
	say("write amplification  %8.2f", r.amplification())
	say("compactions          %8d", a.Compactions-b.Compactions)
	say("a write              p50 %v, p99 %v, p99.9 %v, max %v",
		r.quantile(0.5).Round(time.Microsecond), r.quantile(0.99).Round(time.Microsecond),
		r.quantile(0.999).Round(time.Microsecond), r.quantile(1).Round(time.Microsecond))
	long := r.stalls()
	say("longer than %v   %d", r.stall, len(long))
	first := map[string]int{}
	for _, x := range long {
		causes := r.causes(x)
		say("  %v  %s", x.took.Round(time.Millisecond), strings.Join(causes, "; "))
		what, _, _ := strings.Cut(causes[0], ",")
		first[what]++
	}
	for _, what := range slices.Sorted(maps.Keys(first)) {
		say("  %d × %s", first[what], what)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
