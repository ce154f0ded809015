//go:build !invariants

package codec

// invariants turns on checks that are too dear for every day.
const invariants = false

func mustBeLeaf([]byte, []LeafEntry) {}

func mustBeInner([]byte, int, []InnerEntry) {}
