package prolly

// chunker decides, in one pass over the weights and priorities of a level's
// items, where its nodes begin. It starts at an origin: the first item of the
// level, or an item that stage 1 cuts at. Nothing left of an origin can change a
// decision right of it: an item closer than W is beaten by the origin's
// priority (or too close to the start), any other does not see past it.
//
//	origin        cut                 total
//	  |--- gap ----|--- at least W ----|
//
// A cut is certain as soon as what was pushed reaches W past it: the next item
// is then outside its window, and if there is none the end is far enough.
type chunker struct {
	off    []uint64 // where item i begins, from the origin of the first chunker use
	p1     []uint64
	origin uint64 // where the gap begins: off[0], unless items were shed
	total  uint64 // where the next item would begin

	window []rival // items that may still be a cut or beat one: p1 ascends
	head   int     // first live element of window
	cuts   []int   // certain stage-1 cuts, ascending

	// large says that the level is known to weigh more than M. Until then
	// cuts are held back, for a lighter level is one node.
	large bool

	ends []int // scratch of split
	tree minTree
}

// rival is an item in the window.
type rival struct {
	i int
	// least: smaller than all before it in its window, and not too close to
	// the start: a cut, unless a smaller one follows in time.
	least bool
}

// reset prepares for a new origin, keeping the buffers.
func (c *chunker) reset(large bool) {
	c.off, c.p1, c.origin, c.total = c.off[:0], c.p1[:0], 0, 0
	c.window, c.head, c.cuts = c.window[:0], 0, c.cuts[:0]
	c.large = large
}

func (c *chunker) len() int { return len(c.off) }

// weight of all items from the origin on.
func (c *chunker) weight() uint64 { return c.total - c.origin }

// held is the weight of the items that were not shed.
func (c *chunker) held() uint64 {
	if len(c.off) == 0 {
		return 0
	}
	return c.total - c.off[0]
}

// push adds the next item.
func (c *chunker) push(p1 uint64, weight int) {
	i, off := len(c.off), c.total
	c.off = append(c.off, off)
	c.p1 = append(c.p1, p1)
	c.total += uint64(weight)

	// Those that lie W or more to the left left the window when the total
	// passed them. Equal priorities are ordered by key: the earlier is smaller.
	for len(c.window) > c.head && c.p1[c.window[len(c.window)-1].i] > p1 {
		c.window = c.window[:len(c.window)-1]
	}
	least := len(c.window) == c.head && off-c.origin >= minWeight
	c.window = append(c.window, rival{i, least})

	for c.head < len(c.window) && c.total-c.off[c.window[c.head].i] >= minWeight {
		if r := c.window[c.head]; r.least {
			c.cuts = append(c.cuts, r.i)
		}
		c.head++
	}
	if c.head > 64 && c.head*2 > len(c.window) {
		c.window = c.window[:copy(c.window, c.window[c.head:])]
		c.head = 0
	}
}

// cut returns the number of items before the first certain cut, or 0.
func (c *chunker) cut() int {
	if len(c.cuts) == 0 || (!c.large && c.weight() <= maxWeight) {
		return 0
	}
	c.large = true
	return c.cuts[0]
}

// cuts1 tells whether stage 1 cuts after what was pushed, before an item of
// priority p1 that no later one beats, in a level that is large.
func (c *chunker) cuts1(p1 uint64) bool {
	return c.weight() >= minWeight && (c.head == len(c.window) || c.p1[c.window[c.head].i] > p1)
}

// drop forgets the first n items; the next one is the new origin.
func (c *chunker) drop(n int) {
	c.origin = c.offset(n)
	c.shed(n)
}

// offset is where item n begins, or would begin.
func (c *chunker) offset(n int) uint64 {
	if n < len(c.off) {
		return c.off[n]
	}
	return c.total
}

// settled returns how many of the first items no decision of stage 1 looks at
// any more. The last item is never among them, nor is one that may be a cut or
// stands right before it.
func (c *chunker) settled() int {
	n := len(c.off)
	if c.head < len(c.window) {
		n = c.window[c.head].i
	}
	if len(c.cuts) > 0 {
		n = min(n, c.cuts[0])
	}
	return max(0, n-1)
}

// shed forgets the first n items, but not the origin: they are part of the gap
// and whoever calls keeps them. The next call of split is the caller's
// business.
func (c *chunker) shed(n int) {
	c.off = c.off[:copy(c.off, c.off[n:])]
	c.p1 = c.p1[:copy(c.p1, c.p1[n:])]
	live := c.window[c.head:]
	kept := c.window[:0]
	for _, r := range live {
		if r.i >= n {
			kept = append(kept, rival{r.i - n, r.least})
		}
	}
	c.window, c.head = kept, 0
	cuts := c.cuts[:0]
	for _, i := range c.cuts {
		if i > n {
			cuts = append(cuts, i-n)
		}
	}
	c.cuts = cuts
}

// split returns where the nodes of the gap of the first n items end: stage 2.
// The result is valid until the next call.
func (c *chunker) split(n int) []int {
	c.ends = c.ends[:0]
	end := c.offset(n)
	if end-c.off[0] <= maxWeight {
		return append(c.ends, n)
	}
	return c.splitHeavy(n, end)
}

// splitHeavy halves at the smallest second priority that leaves W on both
// sides, until no part weighs more than M. A stack stands in for recursion and
// the smallest is found by a tree where scanning would be quadratic.
func (c *chunker) splitHeavy(n int, end uint64) []int {
	offset := func(i int) uint64 {
		if i == n {
			return end
		}
		return c.off[i]
	}
	c.tree.reset(c.p1[:n])
	todo := []int{n} // ends of parts right of the current one, nearest last
	for a := 0; a < n; {
		b := todo[len(todo)-1]
		if offset(b)-c.off[a] <= maxWeight {
			c.ends = append(c.ends, b)
			todo = todo[:len(todo)-1]
			a = b
			continue
		}
		lo := c.search(a, b, c.off[a]+minWeight)
		hi := c.search(lo, b, offset(b)-minWeight+1)
		todo = append(todo, c.tree.least(lo, hi))
	}
	return c.ends
}

// search returns the first item in [lo, hi) that begins at or after off, or hi.
func (c *chunker) search(lo, hi int, off uint64) int {
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if c.off[m] < off {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}
