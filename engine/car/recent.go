package car

import cid "github.com/ipfs/go-cid"

// recent remembers which blocks came lately, and a length of each: a value that
// many keys have comes once, or once in a while. Writer and reader forget at the
// same moments.
type recent struct{ now, past map[cid.Cid]uint64 }

// recentBlocks is how many blocks are remembered at least.
const recentBlocks = 32 << 10

func (r *recent) has(c cid.Cid) (size uint64, ok bool) {
	if size, ok = r.now[c]; !ok {
		size, ok = r.past[c]
	}
	return size, ok
}

func (r *recent) add(c cid.Cid, size uint64) {
	if len(r.now) == recentBlocks {
		r.now, r.past = nil, r.now
	}
	if r.now == nil {
		r.now = map[cid.Cid]uint64{}
	}
	r.now[c] = size
}
