package prolly

// minTree answers which item of a span has the smallest second priority.
// Short inputs are scanned; for long ones it keeps a segment tree, so that a gap
// made against the hash costs O(n log n) and not O(n²).
type minTree struct {
	p2   []uint64
	node []int32 // node[size+i] is leaf i; node[k] is the lesser of 2k and 2k+1
	size int
}

// scanBelow is the length up to which scanning wins over building the tree.
const scanBelow = 512

func (t *minTree) reset(p1 []uint64) {
	t.p2 = t.p2[:0]
	for _, p := range p1 {
		t.p2 = append(t.p2, priority2(p))
	}
	t.index()
}

// index makes ready for t.p2 as it stands.
func (t *minTree) index() {
	n := len(t.p2)
	if t.size = 0; n < scanBelow {
		return
	}
	t.size = n
	t.node = append(t.node[:0], make([]int32, 2*n)...)
	for i := range n {
		t.node[n+i] = int32(i)
	}
	for k := n - 1; k > 0; k-- {
		t.node[k] = t.lesser(t.node[2*k], t.node[2*k+1])
	}
}

// lesser orders equal priorities by key, which is by position.
func (t *minTree) lesser(a, b int32) int32 {
	if t.p2[b] < t.p2[a] || (t.p2[b] == t.p2[a] && b < a) {
		return b
	}
	return a
}

// least returns the item of [lo, hi) with the smallest priority. The span is
// never empty: a part heavier than M = 2W + S always has an item that begins at
// least W from both ends.
func (t *minTree) least(lo, hi int) int {
	best := int32(lo)
	if t.size == 0 {
		for i := lo + 1; i < hi; i++ {
			if t.p2[i] < t.p2[best] {
				best = int32(i)
			}
		}
		return int(best)
	}
	for l, r := lo+t.size, hi+t.size; l < r; l, r = l>>1, r>>1 {
		if l&1 == 1 {
			best = t.lesser(best, t.node[l])
			l++
		}
		if r&1 == 1 {
			r--
			best = t.lesser(best, t.node[r])
		}
	}
	return int(best)
}
