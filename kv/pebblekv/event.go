package pebblekv

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Event is something that the store or Pebble did, or waited for, and that took
// time. It is told when it is over.
type Event struct {
	What  string // in a few words
	Begin time.Time
	Took  time.Duration
	Bytes uint64 // that were written; 0 for a wait
}

// tell says what began then and is over now.
func (f *failure) tell(what string, begin time.Time, bytes uint64) {
	if f.event != nil {
		f.event(Event{what, begin, time.Since(begin), bytes})
	}
}

// hear adds to a listener what events are made of.
func (f *failure) hear(l *pebble.EventListener) {
	if f.event == nil {
		return
	}
	over := func(what string, took time.Duration, bytes uint64) {
		f.event(Event{what, time.Now().Add(-took), took, bytes})
	}
	flushed, compacted := l.FlushEnd, l.CompactionEnd
	l.FlushEnd = func(info pebble.FlushInfo) {
		over("flush: "+info.Reason, info.TotalDuration, sizeOf(info.Output))
		flushed(info)
	}
	l.CompactionEnd = func(info pebble.CompactionInfo) {
		over(fmt.Sprintf("compaction to L%d: %s", info.Output.Level, info.Reason), info.TotalDuration, sizeOf(info.Output.Tables))
		compacted(info)
	}
	l.TableIngested = func(info pebble.TableIngestInfo) {
		n := uint64(0)
		for _, t := range info.Tables {
			n += t.Size
		}
		over("tables taken in", 0, n)
	}
	l.DiskSlow = func(info pebble.DiskSlowInfo) { over("slow disk: "+info.OpType.String(), info.Duration, 0) }
	var stall Event // Pebble has one at a time
	l.WriteStallBegin = func(info pebble.WriteStallBeginInfo) {
		stall = Event{What: "write stall: " + info.Reason, Begin: time.Now()}
	}
	l.WriteStallEnd = func() { f.tell(stall.What, stall.Begin, 0) }
}

func sizeOf(tables []pebble.TableInfo) (n uint64) {
	for _, t := range tables {
		n += t.Size
	}
	return n
}
