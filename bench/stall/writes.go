package stall

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// Write is what took how long.
type Write struct {
	Begin time.Time
	Took  time.Duration
}

// Writes are those of a run, in any order.
type Writes []Write

// Quantile is the smallest time that no more than 1-q of the writes exceed; 0
// without writes.
func (w Writes) Quantile(q float64) time.Duration {
	if len(w) == 0 {
		return 0
	}
	times := make([]time.Duration, len(w))
	for i, x := range w {
		times[i] = x.Took
	}
	slices.Sort(times)
	i := int(q*float64(len(times))+0.5) - 1
	return times[min(max(i, 0), len(times)-1)]
}

// Longer are the writes that took longer, in the order they began.
func (w Writes) Longer(than time.Duration) (long Writes) {
	for _, x := range w {
		if x.Took > than {
			long = append(long, x)
		}
	}
	slices.SortFunc(long, func(a, b Write) int { return a.Begin.Compare(b.Begin) })
	return long
}

// Times says what quantiles there are, in a line.
func (w Writes) Times() string {
	at := func(q float64) time.Duration { return w.Quantile(q).Round(time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v, max %v", at(0.5), at(0.99), at(0.999), at(1))
}

// Histogram counts the writes by the bounds of kv.Holds.
func (w Writes) Histogram() string {
	var h kv.Holds
	for _, x := range w {
		h.Add(x.Took, "")
	}
	return Histogram(h)
}

// Histogram is what is in kv.Holds, in a line.
func Histogram(h kv.Holds) string {
	var words []string
	for i, n := range h.Under {
		if i < len(kv.HoldBounds) {
			words = append(words, fmt.Sprintf("≤%v: %d", kv.HoldBounds[i], n))
		} else {
			words = append(words, fmt.Sprintf("more: %d", n))
		}
	}
	return strings.Join(words, ", ")
}

// listed is how many long writes are told one by one.
const listed = 200

// Tell writes each write that took longer than a bound with its causes, and how
// often each was the first.
func (w Writes) Tell(out io.Writer, than time.Duration, events []pebblekv.Event) error {
	var text strings.Builder
	long := w.Longer(than)
	fmt.Fprintf(&text, "longer than %v   %d of %d\n", than, len(long), len(w))
	first := map[string]int{}
	for i, x := range long {
		causes := Causes(events, x)
		if i < listed {
			fmt.Fprintf(&text, "  %v  %s\n", x.Took.Round(100*time.Microsecond), strings.Join(causes, "; "))
		}
		what, _, _ := strings.Cut(causes[0], ",")
		first[what]++
	}
	if len(long) > listed {
		fmt.Fprintf(&text, "  and %d more\n", len(long)-listed)
	}
	for _, what := range slices.Sorted(maps.Keys(first)) {
		fmt.Fprintf(&text, "  %d × %s\n", first[what], what)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
