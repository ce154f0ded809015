package codec

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// dagCBOR decodes a block with go-ipld-prime, which refuses what is not
// canonical, encodes the result, and compares.
func dagCBOR(block []byte) error {
	b := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(b, bytes.NewReader(block)); err != nil {
		return fmt.Errorf("dagcbor does not decode %x: %w", block, err)
	}
	var again bytes.Buffer
	if err := dagcbor.Encode(b.Build(), &again); err != nil {
		return fmt.Errorf("dagcbor does not encode %x again: %w", block, err)
	}
	if !bytes.Equal(again.Bytes(), block) {
		return fmt.Errorf("dagcbor makes %x of %x", again.Bytes(), block)
	}
	return nil
}

// allBlocks has a block of every kind and shape.
func allBlocks() map[string][]byte {
	blocks := nodeBlocks()
	maps.Copy(blocks, listBlocks())
	maps.Copy(blocks, commitBlocks())
	maps.Copy(blocks, questionBlocks())
	return blocks
}

// C3: blocks are DAG-CBOR, in its canonical form.
func TestBlocksAreDagCBOR(t *testing.T) {
	for name, block := range allBlocks() {
		if err := dagCBOR(block); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// reencode makes a block of what the methods of n tell.
func reencode(n *Node) []byte {
	if n.Level() > 0 {
		entries := make([]InnerEntry, n.Len())
		for i := range entries {
			entries[i] = InnerEntry{Key: n.AppendKey(nil, i), Child: n.Child(i), Count: n.Count(i), Bytes: n.Bytes(i)}
		}
		return AppendInner(nil, n.Level(), entries)
	}
	entries := make([]LeafEntry, n.Len())
	for i := range entries {
		e := LeafEntry{Key: n.AppendKey(nil, i), Kind: n.Kind(i)}
		switch e.Kind {
		case Inline:
			e.Value = n.Inline(i)
		case Blob:
			e.Size = n.Size(i)
			e.Link = n.Link(i)
		default:
			e.Link = n.Link(i)
		}
		entries[i] = e
	}
	return AppendLeaf(nil, entries)
}

// decode parses a block by the first part of its name, encodes what it found,
// and returns that.
func decode(kind string, block []byte) ([]byte, error) {
	switch kind {
	case "list":
		l, err := ParseChunkList(block)
		if err != nil {
			return nil, err
		}
		return l.Append(nil), nil
	case "commit":
		c, err := ParseCommit(block)
		if err != nil {
			return nil, err
		}
		return c.Encode()
	}
	if kind == "patch" {
		p, err := ParsePatch(block)
		if err != nil {
			return nil, err
		}
		return encodePatch(p), nil
	}
	if kind == "question" {
		q, err := ParseQuestion(block)
		if err != nil {
			return nil, err
		}
		return q.Encode()
	}
	n, err := ParseNode(block)
	if err != nil {
		return nil, err
	}
	return reencode(&n), nil
}

// checkDecode decodes bytes that may be a block of this kind. When they are,
// they must be its only encoding; when they are not, the error must be a
// DecodeError that points into them.
func checkDecode(kind string, block []byte) error {
	again, err := decode(kind, block)
	if err != nil {
		d, ok := err.(*DecodeError)
		switch {
		case !ok:
			return fmt.Errorf("error is no DecodeError: %w", err)
		case d.Offset < 0 || d.Offset > len(block) || d.Field == "" || d.Err == nil:
			return fmt.Errorf("offset %d of %d, field %q: %w", d.Offset, len(block), d.Field, d.Err)
		}
		return nil
	}
	if !bytes.Equal(again, block) {
		return fmt.Errorf("%x was accepted, but its encoding is %x", block, again)
	}
	return nil
}
