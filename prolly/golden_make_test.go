package prolly

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"
)

// makeGolden lists the golden vectors and computes what they must give. It runs
// with -update only; what it writes is judged by the check like any file.
func makeGolden(t *testing.T) golden {
	g := golden{Format: "prolly tree, version 1", Lists: lists{
		"falling":      hexKeys(monotoneKeys()),
		"falling-both": hexKeys(fallingBoth(160)),
	}}
	for level, size := range []int{1, 2, 3, 4, 5, 8, 9, 16, 17, 31, 32, 64, 65, 96, 97, 128, 129, 160, 239, 240, 241, 512, 1000, 1023, 1024} {
		label := fmt.Sprintf("priority/%d", size)
		g.Priorities = append(g.Priorities, priorityVector(0, label, size), priorityVector(level, label, size))
	}
	for _, size := range []int{1276, 1 << 20, 1<<20 + 1, 3 << 20, 5<<20 + 12345} {
		g.Blobs = append(g.Blobs, blobVector(t, "bytes", fmt.Sprintf("blob/%d", size), size), blobVector(t, "zeros", "", size))
	}
	for _, make := range []func(*testing.T, *golden){
		listedVectors, sizeVectors, kindVectors, fallingVectors, batchVectors,
		limitVectors, crossingVectors, trapVectors,
	} {
		make(t, &g)
	}
	return g
}

func hexKeys(keys [][]byte) (out []string) {
	for _, k := range keys {
		out = append(out, hex.EncodeToString(k))
	}
	return out
}

// fallingBoth makes rising keys whose priorities fall on level 0 and on level 1.
func fallingBoth(n int) [][]byte {
	keys := make([][]byte, n)
	band := uint64(math.MaxUint64 / uint64(n))
	for i := range keys {
		hi := band * uint64(n-i)
		within := func(p uint64) bool { return p <= hi && p > hi-band }
		for nonce := 0; ; nonce++ {
			k := fmt.Appendf(nil, "%04d-%x", i, nonce)
			if within(priority1(0, k)) && within(priority1(1, k)) {
				keys[i] = k
				break
			}
		}
	}
	return keys
}

// add computes a vector and takes it in.
func (g *golden) add(t *testing.T, v vector) {
	m, err := v.Base.model(g.Lists)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	ns := NewMemStore()
	base := mustBuild(t, ns, m)
	v.Tree = outcomeOf(t, base)
	if v.Edits != nil {
		edits, err := v.Base.edits(g.Lists, v.Edits)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		m.apply(edits)
		o := outcomeOf(t, mustBuild(t, ns, m))
		v.Edited = &o
	}
	g.Vectors = append(g.Vectors, v)
}

var (
	small      = []valueRule{{Kind: "bytes", Max: 120}}
	medium     = []valueRule{{Kind: "bytes", Min: 200, Max: 500}}
	emptyValue = []valueRule{{Kind: "bytes"}}

	// mixed has every kind of value, most of them short.
	mixed = []valueRule{
		{Every: 40, At: 3, Kind: "bytes", Min: 1280, Max: 5000},
		{Every: 40, At: 7, Kind: "link", Hash: 0x12, Size: 32},
		{Every: 40, At: 11, Kind: "link", Version: 1, Codec: 0x55, Hash: 0x12, Size: 32},
		{Every: 40, At: 13, Kind: "link", Version: 1, Codec: 0x55, Hash: 0, Size: 124},
		{Every: 40, At: 17, Kind: "limit"},
		{Every: 40, At: 19, Kind: "limit", Over: 1},
		{Every: 40, At: 23, Kind: "bytes"},
		{Kind: "bytes", Max: 120},
	}
)

var keyRules = map[string]*keyRule{
	"random":     {Shape: "random", Min: 1, Max: 40},
	"hash":       {Shape: "random", Min: 32, Max: 32},
	"longest":    {Shape: "random", Min: 1024, Max: 1024},
	"anylong":    {Shape: "random", Min: 1, Max: 1024},
	"sequential": {Shape: "sequential"},
	"path":       {Shape: "path"},
	"prefixed":   {Shape: "prefixed"},
	"byte":       {Shape: "byte"},
	"falling":    {Shape: "list", List: "falling"},
	"both":       {Shape: "list", List: "falling-both"},
}

func ruled(seed, keys string, values []valueRule, n int) content {
	return content{Seed: seed, Keys: keyRules[keys], Values: values, Count: n}
}

// sizeVectors: each shape of keys at each size.
func sizeVectors(t *testing.T, g *golden) {
	for _, shape := range []string{"random", "hash", "longest", "anylong", "sequential", "path", "prefixed"} {
		for _, n := range []int{1, 2, 3, 10, 30, 100, 300, 1000, 3000, 10_000} {
			if n > 1000 && (shape == "longest" || shape == "anylong" || shape == "prefixed") {
				continue
			}
			g.add(t, vector{Name: fmt.Sprintf("size/%s/%d", shape, n), Base: ruled("size", shape, small, n)})
		}
	}
	for _, n := range []int{1, 2, 16, 100, 256} {
		g.add(t, vector{Name: fmt.Sprintf("size/byte/%d", n), Base: ruled("size", "byte", small, n)})
	}
	for _, shape := range []string{"hash", "sequential", "path"} {
		g.add(t, vector{Name: fmt.Sprintf("size/%s/100000", shape), Base: ruled("size", shape, small, 100_000)})
	}
}

// kindVectors: each kind of value, alone and among others.
func kindVectors(t *testing.T, g *golden) {
	for _, k := range []struct {
		name string
		rule valueRule
	}{
		{"empty", valueRule{Kind: "bytes"}},
		{"inline", valueRule{Kind: "bytes", Min: 1, Max: 200}},
		{"inline-limit", valueRule{Kind: "limit"}},
		{"inline-limit-less-1", valueRule{Kind: "limit", Over: -1}},
		{"inline-limit-plus-1", valueRule{Kind: "limit", Over: 1}},
		{"blob", valueRule{Kind: "bytes", Min: 1280, Max: 6000}},
		{"cidv0", valueRule{Kind: "link", Hash: 0x12, Size: 32}},
		{"cidv1-raw", valueRule{Kind: "link", Version: 1, Codec: 0x55, Hash: 0x12, Size: 32}},
		{"cidv1-dag-cbor", valueRule{Kind: "link", Version: 1, Codec: 0x71, Hash: 0x12, Size: 32}},
		{"cidv1-sha2-512", valueRule{Kind: "link", Version: 1, Codec: 0x70, Hash: 0x13, Size: 64}},
		{"cidv1-blake2b-256", valueRule{Kind: "link", Version: 1, Codec: 0x0129, Hash: 0xb220, Size: 32}},
		{"identity-empty", valueRule{Kind: "link", Version: 1, Codec: 0x55}},
		{"identity-128", valueRule{Kind: "link", Version: 1, Codec: 0x55, Size: 124}},
	} {
		for _, n := range []int{1, 40, 500} {
			g.add(t, vector{Name: fmt.Sprintf("kind/%s/%d", k.name, n), Base: ruled("kind", "hash", []valueRule{k.rule}, n)})
		}
		among := append([]valueRule{{Every: 3, At: 1, Kind: "bytes", Max: 60}}, k.rule)
		g.add(t, vector{Name: fmt.Sprintf("kind/%s/among", k.name), Base: ruled("kind", "path", among, 300)})
	}
	for _, size := range []int{1 << 20, 1<<20 + 1, 3 << 20} {
		rules := []valueRule{{Every: 20, At: 5, Kind: "bytes", Min: size, Max: size}, {Every: 20, At: 6, Kind: "zeros", Size: size}, small[0]}
		g.add(t, vector{Name: fmt.Sprintf("kind/large/%d", size), Base: ruled("kind", "path", rules, 20)})
	}
	zeros := []valueRule{{Every: 20, At: 5, Kind: "zeros", Size: 1<<20 + 1}, small[0]}
	g.add(t, vector{Name: "kind/large-zeros", Base: ruled("kind", "path", zeros, 20)})
	for _, shape := range []string{"random", "hash", "path", "sequential", "anylong"} {
		for _, seed := range []string{"a", "b", "c"} {
			g.add(t, vector{Name: fmt.Sprintf("kind/mixed/%s/%s", shape, seed), Base: ruled(seed, shape, mixed, 1200)})
		}
	}
}

// fallingVectors: keys made against the hash.
func fallingVectors(t *testing.T, g *golden) {
	for _, n := range []int{50, 200, 600} {
		g.add(t, vector{Name: fmt.Sprintf("falling/small/%d", n), Base: ruled("falling", "falling", small, n)})
		g.add(t, vector{Name: fmt.Sprintf("falling/medium/%d", n), Base: ruled("falling", "falling", medium, n)})
		g.add(t, vector{Name: fmt.Sprintf("falling/mixed/%d", n), Base: ruled("falling", "falling", mixed, n)})
	}
	for _, n := range []int{80, 160} {
		g.add(t, vector{Name: fmt.Sprintf("falling/both/%d", n), Base: ruled("falling", "both", []valueRule{{Kind: "limit"}}, n)})
	}
	base := ruled("falling", "falling", medium, 600)
	for _, i := range []int{0, 1, 300, 598, 599} {
		g.add(t, vector{Name: fmt.Sprintf("falling/delete/%d", i), Base: base, Edits: []change{{Delete: true, At: []int{i}}}})
		g.add(t, vector{Name: fmt.Sprintf("falling/resize/%d", i), Base: base, Edits: []change{{Seed: "e", Values: small, At: []int{i}}}})
	}
	g.add(t, vector{Name: "falling/insert", Base: ruled("falling", "falling", medium, 400), Edits: []change{{Seed: "e", Values: medium, From: 400, Count: 200}}})
}

// listedVectors are written out in hex.
func listedVectors(t *testing.T, g *golden) {
	hx := func(s string) string { return hex.EncodeToString([]byte(s)) }
	longest := hx(strings.Repeat("k", 1024))
	cidV0 := "1220" + strings.Repeat("ab", 32)
	cidV1 := "01551220" + strings.Repeat("cd", 32)
	for _, v := range []struct {
		name    string
		entries []listed
	}{
		{"empty", nil},
		{"one", []listed{{Key: hx("key"), Value: hx("value")}}},
		{"one/empty-value", []listed{{Key: hx("key")}}},
		{"one/zero-byte", []listed{{Key: "00", Value: "00"}}},
		{"one/longest-key", []listed{{Key: longest, Value: hx("v")}}},
		{"one/cidv0", []listed{{Key: hx("key"), Link: cidV0}}},
		{"one/cidv1", []listed{{Key: hx("key"), Link: cidV1}}},
		{"one/identity", []listed{{Key: hx("key"), Link: "01550000"}}},
		{"two", []listed{{Key: hx("a"), Value: hx("1")}, {Key: hx("b"), Value: hx("2")}}},
		{"two/prefix-is-a-key", []listed{{Key: hx("a"), Value: hx("1")}, {Key: hx("ab"), Value: hx("2")}}},
		{"two/byte-order", []listed{{Key: "7f", Value: hx("1")}, {Key: "80", Value: hx("2")}}},
		{"three/kinds", []listed{{Key: hx("a"), Value: hx("1")}, {Key: hx("b"), Link: cidV0}, {Key: hx("c"), Value: strings.Repeat("5a", 1300)}}},
		{"three/two-empty", []listed{{Key: hx("a")}, {Key: hx("b")}, {Key: hx("c"), Link: cidV1}}},
	} {
		g.add(t, vector{Name: "listed/" + v.name, Base: content{Entries: v.entries}})
	}
}
