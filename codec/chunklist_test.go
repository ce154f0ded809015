package codec

import (
	"fmt"
	"reflect"
	"testing"

	cid "github.com/ipfs/go-cid"
)

// chunkLists has one of every shape.
func chunkLists() map[string]ChunkList {
	lists := map[string]ChunkList{}
	for _, n := range []int{2, 3, 23, 24, 300, MaxChunks} {
		lists[fmt.Sprint(n, " chunks")] = chunkList(n, func(i int) (uint64, cid.Cid) {
			return uint64(1 + i*7919%MaxBlob), RawCID([]byte{byte(i)})
		})
	}
	lists["lists"] = chunkList(3, func(i int) (uint64, cid.Cid) { return uint64(3-i) << 31, fakeHash(i).CID() })
	lists["lists and a chunk"] = chunkList(3, func(i int) (uint64, cid.Cid) {
		if i == 2 {
			return 5, RawCID([]byte("chunk"))
		}
		return 1 << 31, fakeHash(i).CID()
	})
	lists["largest"] = chunkList(2, func(i int) (uint64, cid.Cid) {
		return [2]uint64{MaxSum - 1, 1}[i], [2]cid.Cid{fakeHash(1).CID(), RawCID([]byte{1})}[i]
	})
	return lists
}

func chunkList(n int, item func(int) (uint64, cid.Cid)) (l ChunkList) {
	for i := range n {
		size, c := item(i)
		l.Total += size
		l.Lengths = append(l.Lengths, size)
		l.Links = append(l.Links, c)
	}
	return l
}

func TestChunkList(t *testing.T) {
	for name, want := range chunkLists() {
		t.Run(name, func(t *testing.T) {
			block := want.Append(nil)
			got, err := ParseChunkList(block)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(want, got) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if len(block) > MaxChunkList {
				t.Errorf("%d bytes", len(block))
			}
		})
	}
}
