package report

import "fmt"

// losses says in which rows ours is behind whom: engine behind raw Pebble and
// behind Dolt, the datastore behind other datastores.
func (r *Run) losses(f figures) []string {
	var found []string
	for _, w := range rows {
		name, x, ok := r.ours(f, w)
		if ok && x < 1 {
			found = append(found, fmt.Sprintf("%s: %s has %s of raw Pebble's", w.name, name, number(x)))
		}
		if dolt := w.bestDolt(); ok && x < dolt {
			found = append(found, fmt.Sprintf("%s: %s has %s of Dolt's ratio †", w.name, name, number(x/dolt)))
		}
		found = append(found, r.lossesTo(f, w, "go-ds-pebble", "prollyds")...)
	}
	return found
}

// lossesTo compares two peers directly.
func (r *Run) lossesTo(f figures, w row, them, us string) []string {
	a, ok := f[w.id][us]
	b, okThem := f[w.id][them]
	if !ok || !okThem || a.mid == 0 || b.mid == 0 {
		return nil
	}
	x := w.better(a.mid, b.mid)
	if x >= 1 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s has %s of %s's", w.name, us, number(x), them)}
}
