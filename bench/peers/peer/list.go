package peer

import (
	"fmt"
	"slices"
	"strings"
)

// list is the peers in the order of their columns.
var list = []Peer{
	rawPebble,
	dsPebble,
	dsLevelDB,
	dsBadger4,
	ourEngine,
	ourDatastore,
	ourMemory,
}

// All lists the peers in the order of their columns. The first is what the
// others are set in relation to.
func All() []Peer { return slices.Clone(list) }

// Add adds peers before ours: those that other modules bring. It is called
// before anything else, by main.
func Add(more ...Peer) {
	at := slices.IndexFunc(list, func(p Peer) bool { return p.Ours })
	list = slices.Insert(list, at, more...)
}

// Find returns the peer of a name.
func Find(name string) (Peer, error) {
	var names []string
	for _, p := range list {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Peer{}, fmt.Errorf("no peer %q; there are: %s", name, strings.Join(names, ", "))
}
