package stall

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// Events gathers what a store tells, but for what was over within shortest. Its
// methods may be called by several goroutines at once.
type Events struct {
	mu   sync.Mutex
	list []pebblekv.Event
}

// shortest is how long something must overlap with a write to be a cause.
const shortest = time.Millisecond

// Add is for pebblekv.Options.OnEvent.
func (e *Events) Add(x pebblekv.Event) {
	if x.Took < shortest {
		return
	}
	e.mu.Lock()
	e.list = append(e.list, x)
	e.mu.Unlock()
}

// All returns what was told, in the order of its ends.
func (e *Events) All() []pebblekv.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// Causes says what overlapped a write, the longest first, and for how long: four
// at most.
func Causes(events []pebblekv.Event, w Write) []string {
	var found []pebblekv.Event
	for _, e := range events {
		from, to := later(e.Begin, w.Begin), earlier(e.Begin.Add(e.Took), w.Begin.Add(w.Took))
		if d := to.Sub(from); d > shortest {
			found = append(found, pebblekv.Event{What: e.What, Took: d})
		}
	}
	if found == nil {
		return []string{"nothing that the store did: the disk, or other work on the machine"}
	}
	slices.SortStableFunc(found, func(a, b pebblekv.Event) int { return int(b.Took - a.Took) })
	var words []string
	for _, c := range found[:min(len(found), 4)] {
		words = append(words, fmt.Sprintf("%s, %v", c.What, c.Took.Round(time.Millisecond)))
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
