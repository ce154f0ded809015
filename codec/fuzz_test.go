package codec

import (
	"maps"
	"runtime"
	"slices"
	"testing"
)

// Each target feeds a decoder bytes of any kind. It fails on a panic; on an
// error that does not say where; on a block that is accepted although it is
// not the only encoding of what it says (C2), or no DAG-CBOR (C3); and on more
// memory than C5 allows. For a long run give -fuzzminimizetime 10x: looking for
// smaller inputs takes all the time otherwise.

func FuzzParseNode(f *testing.F) {
	fuzz(f, "node", nodeBlocks(), func(b []byte) { _, _ = ParseNode(b) })
}

func FuzzParseChunkList(f *testing.F) {
	fuzz(f, "list", listBlocks(), func(b []byte) { _, _ = ParseChunkList(b) })
}

func FuzzParseCommit(f *testing.F) {
	fuzz(f, "commit", commitBlocks(), func(b []byte) { _, _ = ParseCommit(b) })
}

func FuzzParseQuestion(f *testing.F) {
	fuzz(f, "question", questionBlocks(), func(b []byte) { _, _ = ParseQuestion(b) })
}

func fuzz(f *testing.F, kind string, seeds map[string][]byte, parse func([]byte)) {
	for _, name := range slices.Sorted(maps.Keys(seeds)) {
		if b := seeds[name]; len(b) <= 2*MaxNode {
			f.Add(b)
		}
	}
	for _, m := range malformedBlocks() {
		if m.kind == kind {
			f.Add(m.block)
		}
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		if err := checkDecode(kind, block); err != nil {
			t.Fatal(err)
		}
		if _, err := decode(kind, block); err == nil {
			if err := dagCBOR(block); err != nil {
				t.Fatalf("accepted, but %v", err)
			}
		}
		if used, most := allocated(parse, block), allocationBound(block); used > most {
			t.Fatalf("decoding %d bytes takes %d bytes of memory, more than %d", len(block), used, most)
		}
	})
}

// allocationBound is the memory that decoding a block may take (C5).
func allocationBound(block []byte) uint64 { return 4*uint64(len(block)) + 64<<10 }

// allocated is the memory that parse takes of the heap. Others may allocate at
// the same time, so a large answer is asked for again.
func allocated(parse func([]byte), block []byte) (least uint64) {
	var before, after runtime.MemStats
	for i := range 5 {
		runtime.ReadMemStats(&before)
		parse(block)
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		if i == 0 || used < least {
			least = used
		}
		if least <= allocationBound(block) {
			break
		}
	}
	return least
}

// C5, on the largest blocks that are accepted.
func TestMemoryOfDecoding(t *testing.T) {
	blocks := allBlocks()
	meta := map[string][]byte{}
	for i := range MaxMeta {
		meta[string([]byte{'a' + byte(i/26), 'a' + byte(i%26)})] = []byte{1}
	}
	c, err := Commit{Seq: 1, Root: EmptyRoot.CID(), Meta: meta}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	blocks["commit: most meta"] = c
	for name, block := range blocks {
		parse := func(b []byte) {
			_, _ = ParseNode(b)
			_, _ = ParseChunkList(b)
			_, _ = ParseCommit(b)
			_, _ = ParseQuestion(b)
		}
		if used, most := allocated(parse, block), allocationBound(block); used > most {
			t.Errorf("%s: decoding %d bytes takes %d bytes of memory, more than %d", name, len(block), used, most)
		}
	}
}
