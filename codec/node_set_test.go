package codec

import (
	"bytes"
	"fmt"
	"testing"
)

func TestSetIsEncode(t *testing.T) {
	var leaf []LeafEntry
	var inner []InnerEntry
	for i := range 20 {
		key := fmt.Appendf(nil, "key-%02d", i)
		leaf = append(leaf, LeafEntry{Key: key, Value: bytes.Repeat([]byte{byte(i)}, i)})
		inner = append(inner, InnerEntry{Key: key, Child: Sum(key), Count: uint64(i + 1), Bytes: 1 << i})
	}
	for i := range 20 {
		old := AppendLeaf(nil, leaf)
		n, err := ParseNode(old)
		if err != nil {
			t.Fatal(err)
		}
		leaf[i].Value = bytes.Repeat([]byte{0xee}, i)
		got := bytes.Clone(old)
		n.SetInline(got, i, leaf[i].Value)
		if !bytes.Equal(got, AppendLeaf(nil, leaf)) {
			t.Errorf("SetInline(%d) is not what the encoder makes", i)
		}
		old = AppendInner(nil, 3, inner)
		if n, err = ParseNode(old); err != nil {
			t.Fatal(err)
		}
		inner[i] = InnerEntry{Key: inner[i].Key, Child: Sum(old), Count: 77, Bytes: MaxSum >> 8}
		got = bytes.Clone(old)
		n.SetChild(got, i, inner[i].Child, 77, MaxSum>>8)
		if !bytes.Equal(got, AppendInner(nil, 3, inner)) {
			t.Errorf("SetChild(%d) is not what the encoder makes", i)
		}
	}
}
