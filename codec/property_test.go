package codec

import (
	"bytes"
	"testing"

	cid "github.com/ipfs/go-cid"
	"pgregory.net/rapid"
)

// C1: what is encoded is what is found again, through every method.
func TestLeafRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawLeaf(t)
		block := AppendLeaf(nil, entries)
		n := mustNode(t, block)
		checkLeaf(t, n, entries)
		checkBlock(t, n)
		for i := range entries {
			checkFind(t, n, entries[i].Key)
		}
	})
}

func TestInnerRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInner(t)
		n := mustNode(t, AppendInner(nil, in.level, in.entries))
		checkInner(t, n, in.level, in.entries)
		checkBlock(t, n)
		for i := range in.entries {
			checkFind(t, n, in.entries[i].Key)
		}
	})
}

func checkBlock(t *rapid.T, n *Node) {
	if again := reencode(n); !bytes.Equal(again, n.Block()) {
		t.Fatalf("%x is encoded again as %x", n.Block(), again)
	}
	if err := dagCBOR(n.Block()); err != nil {
		t.Fatal(err)
	}
}

// checkFind searches for keys near this one and compares with counting.
func checkFind(t *rapid.T, n *Node, key []byte) {
	near := bytes.Clone(key)
	near[len(near)-1] += rapid.Byte().Draw(t, "difference")
	for _, k := range [][]byte{
		near, key[:len(key)-1], append(bytes.Clone(key), 0), append(bytes.Clone(key), 255),
		rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "other"), append(bytes.Clone(n.Prefix()), rapid.Byte().Draw(t, "next")),
	} {
		want, same := 0, false
		for ; want < n.Len(); want++ {
			c := bytes.Compare(n.AppendKey(nil, want), k)
			if same = c == 0; c >= 0 {
				break
			}
		}
		if got, found := n.Find(k); got != want || found != same {
			t.Fatalf("Find(%x) = %d, %v, want %d, %v\n%v", k, got, found, want, same, n)
		}
	}
}

func TestCommitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Commit{Seq: 1, Root: Sum([]byte("root")).CID(), Time: rapid.Int64().Draw(t, "time")}
		for i := range rapid.IntRange(0, MaxParents).Draw(t, "parents") {
			c.Seq = rapid.Uint64Range(2, 1<<63-1).Draw(t, "seq")
			c.Parents = append(c.Parents, fakeHash(i).CID())
		}
		c.Meta = rapid.MapOfN(rapid.StringN(0, 30, -1), rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 20).Draw(t, "meta")
		block, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := checkDecode("commit", block); err != nil {
			t.Fatal(err)
		}
		if err := dagCBOR(block); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever this package takes for a CID, go-cid does, and the other way round.
func TestValidCIDAgreesWithGoCID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(drawCID(t))
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			b = change(t, b)
		}
		_, err := cid.Cast(b)
		if got := validCID(b); got != (err == nil) {
			t.Fatalf("validCID(%x) = %v, go-cid says %v", b, got, err)
		}
	})
}
