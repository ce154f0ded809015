package peer

import (
	"fmt"
	"strings"
)

// All lists the peers in the order of their columns. The first is what the
// others are set in relation to.
func All() []Peer {
	return []Peer{
		rawPebble,
		dsPebble,
		ourEngine,
		ourDatastore,
	}
}

// Find returns the peer of a name.
func Find(name string) (Peer, error) {
	var names []string
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Peer{}, fmt.Errorf("no peer %q; there are: %s", name, strings.Join(names, ", "))
}
