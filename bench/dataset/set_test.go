package dataset

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func digestOf(entries []Entry) string {
	var d Digest
	for _, e := range entries {
		d.Add(e.Key, e.Value)
	}
	return d.String()
}

func TestD1SameBytesEverywhere(t *testing.T) {
	const want = "6210ed4c1f5ffef3d40d2b6c9e87e0d3"
	if got := digestOf(Set{Seed: 1}.Entries(0, 1000)); got != want {
		t.Errorf("D1 violated: 1,000 entries of seed 1 have digest %s, not %s", got, want)
	}
	if digestOf(Set{Seed: 2}.Entries(0, 1000)) == want {
		t.Error("the seed plays no part")
	}
}

func TestPartsAreTheWhole(t *testing.T) {
	s := Set{Seed: 3}
	whole := s.Entries(0, 100)
	for i, e := range slices.Concat(s.Entries(0, 37), s.Entries(37, 100)) {
		if !bytes.Equal(e.Key, whole[i].Key) || !bytes.Equal(e.Value, whole[i].Value) {
			t.Fatalf("entry %d depends on what it is made with", i)
		}
		if !bytes.Equal(e.Key, s.Key(i)) || !bytes.Equal(e.Value, s.Value(i, 0)) {
			t.Fatalf("entry %d made alone is another", i)
		}
	}
}

func TestShape(t *testing.T) {
	for i, e := range (Set{}).Entries(0, 100) {
		if len(e.Key) != KeyLen || len(e.Value) != ValueLen {
			t.Fatalf("entry %d has %d and %d bytes", i, len(e.Key), len(e.Value))
		}
		random, ok := strings.CutPrefix(string(e.Key), prefix)
		if !ok || strings.Trim(random, digits) != "" {
			t.Fatalf("entry %d has key %q", i, e.Key)
		}
	}
}

// TestD1OtherShapes holds the bytes of every shape to what they were.
func TestD1OtherShapes(t *testing.T) {
	var d Digest
	for keys := range KeyShape(len(keyNames)) {
		for values := range ValueShape(len(valueNames)) {
			s := Set{Seed: 1, Keys: keys, Values: values}
			for _, e := range s.Entries(495, 505) {
				d.Add(e.Key, e.Value)
			}
			k, err := ParseKeyShape(keys.String())
			if err != nil || k != keys {
				t.Errorf("%v is parsed as %v, %v", keys, k, err)
			}
			v, err := ParseValueShape(values.String())
			if err != nil || v != values {
				t.Errorf("%v is parsed as %v, %v", values, v, err)
			}
		}
	}
	if got, want := d.String(), "2e3010443fbe8ace476b9f886cbc1afd"; got != want {
		t.Errorf("D1 violated: entries of all shapes have digest %s, not %s", got, want)
	}
	if _, err := ParseKeyShape("round"); err == nil {
		t.Error("a shape that there is not")
	}
}

func TestOrderedIsSorted(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 3 * passLen} {
		s := Set{Seed: 7}
		var got, want Digest
		for e := range s.Ordered(n) {
			got.Add(e.Key, e.Value)
		}
		for _, e := range s.Sorted(n) {
			want.Add(e.Key, e.Value)
		}
		if got.String() != want.String() {
			t.Errorf("%d entries: Ordered yields others, or in another order, than Sorted", n)
		}
	}
}

func TestD2Different(t *testing.T) {
	for keys := range KeyShape(len(keyNames)) {
		sorted := Set{Seed: 4, Keys: keys}.Sorted(10_000)
		for i := 1; i < len(sorted); i++ {
			if bytes.Compare(sorted[i-1].Key, sorted[i].Key) >= 0 {
				t.Fatalf("D2 violated: %q and %q", sorted[i-1].Key, sorted[i].Key)
			}
			if len(sorted[i].Key) > KeyLen {
				t.Fatalf("%q is longer than the standard's", sorted[i].Key)
			}
		}
	}
	s := Set{Seed: 4}
	seen := map[string]bool{}
	for version := range 100 {
		seen[string(s.Value(0, version))] = true
	}
	if len(seen) != 100 {
		t.Fatalf("D2 violated: %d different values of 100 versions", len(seen))
	}
}

func TestPick(t *testing.T) {
	s := Set{Seed: 5}
	for _, k := range []int{0, 1, 10, 80, 100} {
		p := s.Pick(k, 100, 1)
		if !slices.Equal(p, s.Pick(k, 100, 1)) {
			t.Fatalf("%d of 100: not the same twice", k)
		}
		slices.Sort(p)
		if len(slices.Compact(p)) != k || k > 0 && (p[0] < 0 || p[k-1] >= 100) {
			t.Fatalf("%d of 100: %v", k, p)
		}
	}
	if slices.Equal(s.Pick(10, 1000, 1), s.Pick(10, 1000, 2)) {
		t.Fatal("the round plays no part")
	}
}

func TestDigestTellsListsApart(t *testing.T) {
	var a, b, c Digest
	a.Add([]byte("ab"), []byte("c"))
	b.Add([]byte("a"), []byte("bc"))
	c.Add([]byte("ab"))
	c.Add([]byte("c"))
	if a.String() == b.String() || a.String() == c.String() || b.String() == c.String() {
		t.Fatal("different lists have one digest")
	}
}

func TestBagHasNoOrder(t *testing.T) {
	e := Set{Seed: 6}.Entries(0, 3)
	sum := func(numbers ...int) string {
		var b Bag
		for _, i := range numbers {
			b.Add(e[i].Key, e[i].Value)
		}
		return b.String()
	}
	if sum(0, 1, 2) != sum(2, 0, 1) {
		t.Error("the order plays a part")
	}
	if sum(0, 1) == sum(0, 2) || sum(0) == sum(0, 0) {
		t.Error("different bags have one sum")
	}
}

func BenchmarkEntries(b *testing.B) {
	for b.Loop() {
		(Set{}).Entries(0, 10_000)
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/10_000, "ns/entry")
}
