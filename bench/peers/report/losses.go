package report

import (
	"fmt"
	"strings"
)

// losses says in which rows ours is behind whom: behind raw Pebble, behind Dolt,
// and the datastore behind the other one on Pebble.
func (r *Run) losses(f figures) []string {
	var found []string
	for _, w := range rows {
		var behind []string
		name, x, ok := r.ours(f, w)
		if ok && x < 1 {
			behind = append(behind, fmt.Sprintf("%s has %s of raw Pebble's speed", name, number(x)))
		}
		if dolt := w.bestDolt(); ok && x < dolt {
			behind = append(behind, fmt.Sprintf("%s of Dolt's †", number(x/dolt)))
		}
		if x, ok := f.direct(w, "prollyds", "go-ds-pebble"); ok && x < 1 {
			behind = append(behind, fmt.Sprintf("prollyds has %s of go-ds-pebble's", number(x)))
		}
		if behind != nil {
			found = append(found, fmt.Sprintf("%s: %s", w.name, strings.Join(behind, "; ")))
		}
	}
	return found
}

// direct is how much better one peer is than another; ok is false when one of
// them has no figure.
func (f figures) direct(w row, us, them string) (ratio float64, ok bool) {
	a, ok := f[w.id][us]
	b, okThem := f[w.id][them]
	if !ok || !okThem || a.mid == 0 || b.mid == 0 {
		return 0, false
	}
	return w.better(a.mid, b.mid), true
}
