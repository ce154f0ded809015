package codec

import (
	"bytes"
	"slices"
)

func sortEntries(entries []LeafEntry) {
	slices.SortFunc(entries, func(a, b LeafEntry) int { return bytes.Compare(a.Key, b.Key) })
}
