package others

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Time is time of processors.
type Time struct {
	Others time.Duration // taken by others
	All    time.Duration // that there was, of all processors; 0 when nothing is known
}

// Add returns the sum.
func (t Time) Add(u Time) Time {
	return Time{t.Others + u.Others, t.All + u.All}
}

// Share is which part of the processors others took; ok is false when nothing is
// known.
func (t Time) Share() (share float64, ok bool) {
	if t.All <= 0 {
		return 0, false
	}
	return float64(t.Others) / float64(t.All), true
}

// usage is what was used up to a moment.
type usage struct {
	busy, all time.Duration // of the machine; all is 0 when nothing is known
	own       time.Duration
}

// Watch is a time that has begun.
type Watch struct{ begin usage }

// Begin begins to watch.
func Begin() Watch { return Watch{now()} }

// End tells what others took since. Children that have not ended, or were not
// waited for, count as others.
func (w Watch) End() Time { return between(w.begin, now()) }

func between(from, to usage) Time {
	if from.all == 0 || to.all <= from.all {
		return Time{}
	}
	return Time{Others: max(0, to.busy-from.busy-(to.own-from.own)), All: to.all - from.all}
}

// tick is the unit of /proc/stat: the kernel shows a hundredth of a second
// whatever its own is.
const tick = 10 * time.Millisecond

// parse reads the first line of /proc/stat. Guests are counted as users there,
// too.
func parse(stat []byte) (u usage, ok bool) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) < 9 || words[0] != "cpu" {
		return u, false
	}
	for i, word := range words[1:9] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return u, false
		}
		d := time.Duration(n) * tick
		u.all += d
		if i != idle && i != ioWait {
			u.busy += d
		}
	}
	return u, true
}

// Places in the line, after its name.
const (
	idle   = 3
	ioWait = 4
)
