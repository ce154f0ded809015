package engine

import "github.com/go-ds-prolly/go-ds-prolly/prolly"

// state is a branch at a moment: the folded trees and the layers of staged
// writes over them. It never changes, but for what is added to its first layer
// under sequence numbers that its readers have not seen.
type state struct {
	layers []*layer // newest first; the first takes writes
	trees  [roots]prolly.Tree
	ref    branchRef // what the store holds; read-only, trees may be more than it names
	raw    []byte    // ref, encoded
	epoch  uint64    // counts changes of the trees that no layer shows
	gone   bool      // the branch was deleted
}

// frozen returns the layers that wait to be folded, newest first.
func (s *state) frozen() []*layer { return s.layers[1:] }

// emptyRoot tells whether one of the trees has no entries and nothing is staged
// over it, not even a removal.
func (s *state) emptyRoot(root rootID) bool {
	for _, l := range s.layers {
		if !l.over[root].empty() {
			return false
		}
	}
	return s.trees[root].Len() == 0
}

// with returns a copy of s with other layers.
func (s *state) with(layers []*layer) *state {
	c := *s
	c.layers = layers
	return &c
}

// seq is the sequence number of the newest write that a reader beginning now
// sees.
func (s *state) seq() uint64 { return s.layers[0].last.Load() }

// clean tells whether nothing is staged that readers see.
func (s *state) clean() bool {
	for _, l := range s.layers {
		if l.last.Load() > l.base {
			return false
		}
	}
	return true
}
