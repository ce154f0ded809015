package report

import (
	"fmt"
	"strings"
)

// losses says in which rows who is ahead of ours.
func (r *Run) losses(f figures) []string {
	var found []string
	for _, w := range append(append([]row{}, rows...), datastores...) {
		name, _, ok := r.ours(f, w)
		if !ok {
			continue
		}
		var ahead []string
		for _, p := range r.Peers {
			if x, ok := f.direct(w, p.Name, name); ok && !p.Ours && x > 1.005 {
				ahead = append(ahead, fmt.Sprintf("%s is %s × as fast", p.Name, number(x)))
			}
		}
		if ahead != nil {
			found = append(found, fmt.Sprintf("%s: than %s, %s", w.name, name, strings.Join(ahead, ", ")))
		}
	}
	return found
}
