package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"
)

// The tests here know nothing but the files: what another implementation
// would do with them.

func readVectors[T any](t *testing.T, name string, least int) (vectors []T) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&vectors); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(vectors) < least {
		t.Errorf("%s: %d vectors, want %d or more", name, len(vectors), least)
	}
	return vectors
}

func mustCID(t *testing.T, text string) cid.Cid {
	t.Helper()
	c, err := cid.Decode(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return c
}

func TestNodeVectors(t *testing.T) {
	for _, v := range readVectors[nodeVector](t, "nodes.json", 60) {
		t.Run(v.Name, func(t *testing.T) {
			n := mustNode(t, v.Block)
			block := v.encode(t)
			if !bytes.Equal(block, v.Block) {
				t.Errorf("encoded as %x, want %x", block, v.Block)
			}
			entries, total := n.Sums()
			if Sum(v.Block).String() != v.CID || n.Weight() != v.Weight || entries != v.Entries || total != v.Bytes ||
				n.Level() != v.Level || !bytes.Equal(n.Prefix(), v.Prefix) {
				t.Errorf("%v is not what stands in the vector", n)
			}
		})
	}
}

// encode makes the block of v's items and checks that they are found in it.
func (v *nodeVector) encode(t *testing.T) []byte {
	n := mustNode(t, v.Block)
	if v.Level > 0 {
		var entries []InnerEntry
		for _, c := range v.Inner {
			h, err := HashOf(mustCID(t, c.Child))
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, InnerEntry{Key: c.Key, Child: h, Count: c.Count, Bytes: c.Bytes})
		}
		checkInner(t, n, v.Level, entries)
		return AppendInner(nil, v.Level, entries)
	}
	var entries []LeafEntry
	for _, x := range v.Leaf {
		e := LeafEntry{Key: x.Key, Kind: x.Kind, Size: x.Size}
		if x.Value != nil {
			e.Value = *x.Value
		}
		if x.Link != "" {
			e.Link = mustCID(t, x.Link).Bytes()
		}
		entries = append(entries, e)
	}
	checkLeaf(t, n, entries)
	return AppendLeaf(nil, entries)
}

func TestChunkListVectors(t *testing.T) {
	for _, v := range readVectors[listVector](t, "chunklists.json", 5) {
		want := ChunkList{Total: v.Total, Lengths: v.Lengths}
		for _, c := range v.Links {
			want.Links = append(want.Links, mustCID(t, c))
		}
		got, err := ParseChunkList(v.Block)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", v.Name, got, err)
		}
		if !bytes.Equal(want.Append(nil), v.Block) || ListCID(v.Block).String() != v.CID {
			t.Errorf("%s: encoded as %x", v.Name, want.Append(nil))
		}
	}
}

func TestCommitVectors(t *testing.T) {
	for _, v := range readVectors[commitVector](t, "commits.json", 3) {
		want := Commit{Seq: v.Seq, Root: mustCID(t, v.Root), Time: v.Time}
		for _, c := range v.Parents {
			want.Parents = append(want.Parents, mustCID(t, c))
		}
		for _, m := range v.Meta {
			if want.Meta == nil {
				want.Meta = map[string][]byte{}
			}
			want.Meta[m.Key] = m.Value
		}
		got, err := ParseCommit(v.Block)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", v.Name, got, err, want)
		}
		block, err := want.Encode()
		if err != nil || !bytes.Equal(block, v.Block) || Sum(block).String() != v.CID {
			t.Errorf("%s: encoded as %x, %v", v.Name, block, err)
		}
	}
}

func TestMalformedVectors(t *testing.T) {
	kinds := map[string]int{}
	for _, v := range readVectors[malformedVector](t, "malformed.json", 60) {
		kinds[v.Kind]++
		_, err := decode(v.Kind, v.Block)
		var d *DecodeError
		if !errors.As(err, &d) || !errors.Is(err, sentinels[v.Error]) || d.Field != v.Field || d.Offset != v.Offset {
			t.Errorf("%s: %s: %v, want %s in %s at %d", v.Kind, v.Rule, err, v.Error, v.Field, v.Offset)
		}
		// Whatever kind of block it is meant to be, no decoder may take it.
		for _, kind := range slices.DeleteFunc([]string{"node", "list", "commit"}, func(k string) bool { return k == v.Kind }) {
			if _, err := decode(kind, v.Block); err == nil {
				t.Errorf("%s: %s: accepted as %s", v.Kind, v.Rule, kind)
			}
		}
	}
	if kinds["node"] < 60 || kinds["list"] < 20 || kinds["commit"] < 30 {
		t.Errorf("malformed blocks: %v", kinds)
	}
}
