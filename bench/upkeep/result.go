package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/resident"
	"github.com/go-ds-prolly/go-ds-prolly/bench/stall"
	"github.com/go-ds-prolly/go-ds-prolly/bench/target"
)

// mayHold is how much a check or a collection may hold, in MiB, and heldFor how
// long a writer may have to wait for it.
const (
	mayHold = 64
	heldFor = 10 * time.Millisecond
)

func mib(n uint64) float64 { return float64(n) / (1 << 20) }

func second(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// print tells what it came to, and whether all is reached and right.
func (r *result) print(w io.Writer) (all bool, err error) {
	var text strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	say("%d entries, %d commits of %d updates, made in %s; %.0f MiB on disk", r.entries, r.commits, r.edits, second(r.made), mib(r.before))
	r.say(say, "calm", &r.calm)
	right := true
	checks := func(what string, c *checked) {
		say("%s: %d nodes, %.0f MiB, %d commits, %d trees in %s; %d problems", what,
			c.stats.Nodes, mib(c.stats.NodeBytes), c.stats.Commits, c.stats.Trees, second(c.stats.Duration), c.stats.Problems)
		for _, p := range c.problems {
			say("  %v", p)
		}
		right = right && c.stats.Problems == 0
	}
	if c := r.check; c != nil {
		checks("check", c)
		r.say(say, "check", &c.beside)
	}
	if c := r.gc; c != nil {
		say("collection: %s, of it marking %s; %d nodes, %.0f MiB removed, %d nodes, %.0f MiB kept, %.0f MiB moved; %.0f MiB on disk",
			second(c.stats.Duration), second(c.stats.Marking), c.stats.Swept.Nodes, mib(c.stats.Swept.NodeBytes),
			c.stats.Marked.Nodes, mib(c.stats.Marked.NodeBytes), mib(c.stats.Rewritten), mib(c.after))
		r.say(say, "collection", &c.beside)
		say("held by it: %d times, longest %v (%s): %s", c.stats.Holds.N, c.stats.Holds.Longest.Round(time.Microsecond), c.stats.Holds.Cause, stall.Histogram(c.stats.Holds))
		if err := c.writes.Tell(&text, heldFor, c.events); err != nil {
			return false, err
		}
		checks("check of what is left", &c.again)
	}
	say("")
	if _, err := io.WriteString(w, text.String()); err != nil {
		return false, err
	}
	all, err = target.Print(w, r.rows())
	return all && right, err
}

// say tells what went on beside something.
func (r *result) say(say func(string, ...any), what string, b *beside) {
	say("memory, %s: the process %.0f MiB, the heap in use %.0f MiB, of it neither caches nor staged %.0f MiB, at most", what, mib(b.memory.Resident), mib(b.memory.Live), mib(b.held))
	say("writes, %s: %d, %s: %s", what, len(b.writes), b.writes.Times(), b.writes.Histogram())
}

// rows are what is to be reached.
func (r *result) rows() (rows []target.Row) {
	if c := r.check; c != nil {
		rows = append(rows, r.memory("a check", &c.beside))
	}
	c := r.gc
	if c == nil {
		return rows
	}
	gone, left := float64(c.stats.Swept.NodeBytes), float64(c.left.Swept.NodeBytes)
	live := c.left.Marked.NodeBytes
	p999 := c.writes.Quantile(0.999)
	rows = append(rows, r.memory("a collection", &c.beside))
	return append(rows,
		target.AtLeast("unreachable bytes reclaimed", 100*gone/(gone+left), 99, "%", fmt.Sprintf("%.0f MiB in %s", mib(c.stats.Swept.NodeBytes), second(c.stats.Duration))),
		target.AtMost("disk over live nodes afterwards", float64(c.after)/float64(live), 1.3, "", fmt.Sprintf("%.0f MiB of %.0f MiB", mib(c.after), mib(live))),
		target.AtMost("writes beside a collection, p99.9", float64(p999.Microseconds())/1e3, float64(heldFor.Milliseconds()), "ms",
			fmt.Sprintf("of %d; without one %v", len(c.writes), r.calm.writes.Quantile(0.999).Round(time.Microsecond))),
	)
}

// memory is what of the heap something held, more than in the calm; and where
// the heap cannot tell, because Pebble's memory lies there too, what the process
// had.
func (r *result) memory(what string, b *beside) target.Row {
	if resident.LinksC() {
		more := mib(b.held) - mib(r.calm.held)
		return target.AtMost("memory held by "+what+", beside caches and memtables", max(0, more), mayHold, "MiB",
			fmt.Sprintf("of the heap; %.0f MiB, %.0f MiB without", mib(b.held), mib(r.calm.held)))
	}
	note := "all that the process holds; to reach: caches of 64 (nodes) and 32 (blocks), three memtables of 64, and 64"
	if limit := os.Getenv("GOMEMLIMIT"); limit != "" {
		note += "; GOMEMLIMIT is " + limit
	}
	return target.AtMost("memory during "+what, mib(b.memory.Resident)-mib(r.rooms*roomBytes), mib(cacheBytes+pebbleBytes)+mayHold, "MiB", note)
}
