package engine

import (
	"runtime"
	"sync"
	"sync/atomic"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// hashAhead names large values of edits, on a second core: while its owner goes
// through the edits from the first on, and copies what it hashes, a goroutine
// hashes from the last on, until they meet. It belongs to one goroutine; the
// edits must not change before close. nil, it names nothing.
type hashAhead struct {
	edits []prolly.Edit
	names []cid.Cid
	taken []atomic.Bool // by one of the two
	stop  atomic.Bool
	other sync.WaitGroup
}

// hashAheadMin is the size, in bytes, from which on it is worth it: hashing takes
// longer than telling another core.
const hashAheadMin = 32 << 10

// beginHashAhead begins when there is more than one value to be named. It must be closed.
func beginHashAhead(edits []prolly.Edit) *hashAhead {
	large := 0
	for i := range edits {
		if isLarge(&edits[i]) {
			large++
		}
	}
	if large < 2 || runtime.GOMAXPROCS(0) < 2 {
		return nil
	}
	h := &hashAhead{edits: edits, names: make([]cid.Cid, len(edits)), taken: make([]atomic.Bool, len(edits))}
	h.other.Go(h.backwards)
	return h
}

// isLarge tells whether an edit's value is large, and one block.
func isLarge(e *prolly.Edit) bool {
	n := len(e.Value.Bytes)
	return !e.Delete && n >= hashAheadMin && n <= codec.MaxBlob && e.Value.Kind() == codec.Inline
}

func (h *hashAhead) backwards() {
	for i := len(h.edits) - 1; i >= 0 && !h.stop.Load(); i-- {
		if !isLarge(&h.edits[i]) {
			continue
		}
		if h.taken[i].Swap(true) {
			return // all before are the owner's
		}
		h.names[i] = codec.RawCID(h.edits[i].Value.Bytes)
	}
}

// name returns the CID of the value of edit i; cid.Undef when it is not large.
// Edits are to be asked for in order.
func (h *hashAhead) name(i int) cid.Cid {
	if h == nil || !isLarge(&h.edits[i]) {
		return cid.Undef
	}
	if h.taken[i].Swap(true) {
		h.other.Wait() // who is at this one, or long done
		return h.names[i]
	}
	return codec.RawCID(h.edits[i].Value.Bytes)
}

func (h *hashAhead) close() {
	if h != nil {
		h.stop.Store(true)
		h.other.Wait()
	}
}
