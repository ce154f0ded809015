package prolly

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Vectors of edits: batches of all sorts, and edits that were searched for
// because they bring about what is hard to repair.

// batchVectors: edits that a store sees every day, on each shape of keys.
func batchVectors(t *testing.T, g *golden) {
	for _, shape := range []string{"random", "hash", "path", "sequential", "prefixed", "longest"} {
		n := 2000
		if shape == "prefixed" || shape == "longest" {
			n = 300
		}
		base := ruled("batch", shape, mixed, n)
		for _, v := range []struct {
			name  string
			edits []change
		}{
			{"nothing", []change{{Seed: "batch", Values: mixed, From: n / 2, Count: 5}}},
			{"same-size", []change{{Seed: "e", Values: []valueRule{{Kind: "limit"}}, From: 17, Step: 40, Count: 3}}},
			{"first-of-all-deleted", []change{{Delete: true, At: []int{0}}}},
			{"append", []change{{Seed: "e", Values: small, From: n, Count: n / 10}}},
			{"insert-delete-resize", []change{
				{Seed: "e", Values: mixed, From: n, Count: n / 20},
				{Delete: true, From: 5, Step: 11, Count: n / 30},
				{Seed: "f", Values: mixed, From: 1, Step: 7, Count: n / 10}}},
			{"delete-a-third", []change{{Delete: true, From: n / 3, Count: n / 3}}},
			{"delete-all-but-one", []change{{Delete: true, Count: n - 1}}},
			{"delete-all", []change{{Delete: true, Count: n}}},
			{"last-wins", []change{{Delete: true, Count: n}, {Seed: "e", Values: small, Count: n / 2, Step: 2}, {Delete: true, From: 0, Step: 3, Count: n / 4}}},
			{"kinds-change", []change{{Seed: "e", Values: []valueRule{{Every: 2, Kind: "bytes", Min: 1300, Max: 1400}, {Kind: "bytes"}}, Step: 9, Count: n / 10}}},
		} {
			g.add(t, vector{Name: "edits/" + shape + "/" + v.name, Base: base, Edits: v.edits})
		}
	}
}

// limitVectors: levels that weigh exactly M, or one more.
func limitVectors(t *testing.T, g *golden) {
	// 32 entries of 4 + 8 + 108 weigh 3,840.
	sized := func(v int) []valueRule { return []valueRule{{Kind: "bytes", Min: v, Max: v}} }
	at := ruled("limit", "sequential", sized(108), 32)
	over := ruled("limit", "sequential", sized(108), 32)
	over.Values = append([]valueRule{{Every: 32, At: 9, Kind: "bytes", Min: 109, Max: 109}}, over.Values...)
	g.add(t, vector{Name: "limit/0/exactly-M", Base: at})
	g.add(t, vector{Name: "limit/0/M-plus-1", Base: over})
	g.add(t, vector{Name: "limit/0/grow-by-1", Hits: []string{"grow:0"}, Base: at, Edits: []change{{Seed: "e", Values: sized(109), At: []int{9}}}})
	g.add(t, vector{Name: "limit/0/shrink-by-1", Hits: []string{"shrink:0"}, Base: over, Edits: []change{{Seed: "e", Values: sized(108), At: []int{9}}}})
	// On level 1 keys of the right lengths have to be found.
	keys := &keyRule{Shape: "random", Min: 850, Max: 1000}
	for s := 0; ; s++ {
		c := content{Seed: fmt.Sprintf("limit/%d", s), Keys: keys, Values: sized(200), Count: 8}
		m, err := c.model(nil)
		if err != nil {
			t.Fatal(err)
		}
		tree := mustBuild(t, NewMemStore(), m)
		if n, err := tree.rootNode(ctx); err != nil {
			t.Fatal(err)
		} else if n.Level() == 1 && n.Weight() == maxWeight {
			g.add(t, vector{Name: "limit/1/exactly-M", Base: c})
			return
		}
	}
}

// crossingVectors: one entry more or less makes or unmakes all cuts of a level.
func crossingVectors(t *testing.T, g *golden) {
	limit := []valueRule{{Kind: "limit"}}
	for _, x := range []struct {
		shape  string
		values []valueRule
		levels int
		most   int
	}{
		{"sequential", small, 2, 20_000},
		{"hash", small, 2, 20_000},
		{"path", emptyValue, 2, 20_000},
		{"hash", limit, 3, 20_000},
		{"anylong", small, 4, 1500},
		{"longest", limit, 6, 1200},
		{"prefixed", limit, 6, 1200},
	} {
		last := 0
		for level := range x.levels {
			name := fmt.Sprintf("%d/%s/%s", level, x.shape, x.values[0].Kind)
			n := crossing(t, g, ruled("cross", x.shape, x.values, 0), level, x.most)
			if n == last { // one entry took the tree two levels up
				continue
			}
			last = n
			low, high := ruled("cross", x.shape, x.values, n), ruled("cross", x.shape, x.values, n+1)
			g.add(t, vector{Name: "grow/" + name, Hits: []string{fmt.Sprintf("grow:%d", level)},
				Base: low, Edits: []change{{Seed: "cross", Values: x.values, At: []int{n}}}})
			g.add(t, vector{Name: "shrink/" + name, Hits: []string{fmt.Sprintf("shrink:%d", level)},
				Base: high, Edits: []change{{Delete: true, At: []int{n}}}})
			if level > 0 {
				continue
			}
			g.add(t, vector{Name: "grow-much/" + name, Base: low, Edits: []change{{Seed: "cross", Values: x.values, From: n, Count: 4 * n}}})
			g.add(t, vector{Name: "shrink-much/" + name, Base: ruled("cross", x.shape, x.values, 6*n), Edits: []change{{Delete: true, From: n / 2, Count: 6*n - n/2}}})
		}
	}
}

// crossing returns a count of entries at which level is one node, and with one
// entry more is not.
func crossing(t *testing.T, g *golden, c content, level, most int) int {
	splits := func(n int) bool {
		c.Count = n
		m, err := c.model(g.Lists)
		if err != nil {
			t.Fatal(err)
		}
		return mustBuild(t, discard{}, m).level > level
	}
	lo, hi := 1, most
	if splits(lo) || !splits(hi) {
		t.Fatalf("level %d of %s is never crossed", level, c.Keys.Shape)
	}
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; splits(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return lo
}

// trapVectors: deletes, and values that become empty, that bring two stage-1
// cuts within W of each other.
func trapVectors(t *testing.T, g *golden) {
	deleted, emptied := change{Delete: true}, change{Seed: "e", Values: emptyValue}
	for _, x := range []struct {
		shape  string
		values []valueRule
		n      int
		level  int
		edit   change
	}{
		{"sequential", small, 3000, 0, deleted},
		{"sequential", medium, 1500, 0, deleted},
		{"path", small, 3000, 0, deleted},
		{"sequential", medium, 1400, 0, emptied},
		{"path", small, 2900, 0, emptied},
		{"sequential", []valueRule{{Kind: "limit"}}, 3000, 1, deleted},
		{"prefixed", small, 300, 0, deleted},
		{"prefixed", small, 300, 1, deleted},
		{"prefixed", small, 300, 2, deleted},
		{"prefixed", []valueRule{{Kind: "limit"}}, 1000, 3, deleted},
	} {
		base := ruled("trap", x.shape, x.values, x.n)
		m, err := base.model(g.Lists)
		if err != nil {
			t.Fatal(err)
		}
		tree := mustBuild(t, NewMemStore(), m)
		for k, edits := range findTraps(t, g, base, tree, x.level, x.edit) {
			g.add(t, vector{
				Name: fmt.Sprintf("trap/%d/%s/%d/%d", x.level, x.shape, x.n, k),
				Hits: []string{fmt.Sprintf("trap:%d", x.level)}, Base: base, Edits: edits})
		}
	}
}

// findTraps edits runs of entries right of a stage-1 cut until it hits.
func findTraps(t *testing.T, g *golden, base content, tree Tree, level int, c change) (found [][]change) {
	number := map[string]int{} // of a key
	var sorted []string
	for i := range base.Count {
		k, err := g.Lists.key(base.Seed, base.Keys, i)
		if err != nil {
			t.Fatal(err)
		}
		number[string(k)] = i
		sorted = append(sorted, string(k))
	}
	slices.Sort(sorted)
	l := viewLevel(t, tree, level)
	for a, cut := range l.stage1 {
		if !cut || len(found) == 3 {
			continue
		}
		at, _ := slices.BinarySearch(sorted, l.keys[a])
		for n := 1; n <= 12<<level && at+1+n < len(sorted); n++ {
			c.At = nil
			for _, k := range sorted[at+1 : at+1+n] {
				c.At = append(c.At, number[k])
			}
			edits, err := base.edits(g.Lists, []change{c})
			if err != nil {
				t.Fatal(err)
			}
			after, err := tree.Apply(ctx, edits)
			if err != nil {
				t.Fatal(err)
			}
			if hits(t, fmt.Sprintf("trap:%d", level), tree, after) {
				found = append(found, []change{c})
				break
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no trap on level %d of %s", level, base.Keys.Shape)
	}
	return found
}

// levelView is a level of a tree as stage 1 sees it.
type levelView struct {
	keys   []string
	off    []int
	stage1 []bool
	end    int
}

func viewLevel(t testing.TB, tree Tree, level int) (v levelView) {
	var prev *Node
	err := tree.Walk(ctx, func(_ Addr, n *Node) error {
		if n.Level() != level {
			return nil
		}
		for i := range n.Len() {
			v.keys = append(v.keys, string(n.AppendKey(nil, i)))
			v.off = append(v.off, v.end)
			v.stage1 = append(v.stage1, i == 0 && prev != nil && stage1(prev, n))
			v.end += n.ItemWeight(i)
		}
		prev = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// hits tells whether the way from base to after is one of those that a repair
// can stumble over:
//
//	grow:l     level l was one node, or was not there, and is several
//	shrink:l   the other way about
//	trap:l     two neighbouring stage-1 cuts of level l came within W of each
//	           other, both items still there, and one cut died
func hits(t testing.TB, what string, base, after Tree) bool {
	kind, digits, _ := strings.Cut(what, ":")
	level := 0
	if _, err := fmt.Sscan(digits, &level); err != nil {
		t.Fatalf("hit %q: %v", what, err)
	}
	switch kind {
	case "grow":
		return base.level <= level && after.level > level
	case "shrink":
		return base.level > level && after.level <= level
	case "trap":
		return after.level > level && trapped(viewLevel(t, base, level), viewLevel(t, after, level))
	}
	t.Fatalf("hit %q: no such thing", what)
	return false
}

func trapped(base, after levelView) bool {
	a := -1
	for b, cut := range base.stage1 {
		if !cut {
			continue
		}
		if a >= 0 {
			x, okx := slices.BinarySearch(after.keys, base.keys[a])
			y, oky := slices.BinarySearch(after.keys, base.keys[b])
			if okx && oky && after.off[y]-after.off[x] < minWeight && after.stage1[x] != after.stage1[y] {
				return true
			}
		}
		a = b
	}
	return false
}
