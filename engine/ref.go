package engine

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// branchRef is the one record that a branch moves by compare-and-swap:
//
//	│ version 1 │ flags │ commit 32 │ tree: hash 32, hint 16 │ side: hash 32, hint 16 │ folded 8 LE │ base │ CRC-32C 4 LE │
//	base: │ tree: hash 32, hint 16 │ side: hash 32, hint 16 │ folded 8 LE │ count 2 LE │ made … │
//	made: │ folded 8 LE │ tree: hash 32 │
//
// Staging records up to folded are in the trees, so whether they were trimmed
// does not matter. With a base, a flag says so, those above the base's folded
// are needed: the nodes of the trees may be lost, and are made again from the
// base's.
type branchRef struct {
	hasCommit  bool
	commit     codec.Hash
	tree, side prolly.Addr
	folded     uint64
	behind     *base // nil: the trees' nodes are durable
}

// durable is the highest staging record that is not needed any more.
func (r branchRef) durable() uint64 {
	if r.behind != nil {
		return r.behind.folded
	}
	return r.folded
}

const (
	refV1         = 1
	refHasCommit  = 1
	refHasBase    = 2
	baseHead      = 2*addrLen + 8 + 2
	madeLen       = 8 + codec.HashSize
	addrLen       = codec.HashSize + 16
	branchRefLen  = 2 + codec.HashSize + 2*addrLen + 8 + crcLen
	branchRefHead = 2 + codec.HashSize
)

// emptyRef is the record of a branch without entries and history.
func emptyRef() branchRef {
	empty := prolly.Addr{Hash: codec.EmptyRoot}
	return branchRef{tree: empty, side: empty}
}

func (r branchRef) encode() []byte {
	b := make([]byte, 0, branchRefLen)
	var flags byte
	if r.hasCommit {
		flags = refHasCommit
	}
	b = append(append(b, refV1, flags), r.commit[:]...)
	b = appendTrees(b, r.tree, r.side, r.folded)
	if d := r.behind; d != nil {
		b[1] |= refHasBase
		b = appendTrees(b, d.tree, d.side, d.folded)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(d.made)))
		for _, m := range d.made {
			b = append(binary.LittleEndian.AppendUint64(b, m.folded), m.tree[:]...)
		}
	}
	return appendCRC(b)
}

func appendTrees(b []byte, tree, side prolly.Addr, folded uint64) []byte {
	for _, a := range []prolly.Addr{tree, side} {
		b = append(append(b, a.Hash[:]...), a.Hint[:]...)
	}
	return binary.LittleEndian.AppendUint64(b, folded)
}

// appendCRC adds the checksum of a ref's record.
func appendCRC(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseBranchRef is strict: a record that encode would not write is ErrCorrupt,
// one of another version kv.ErrFormat.
func parseBranchRef(b []byte) (branchRef, error) {
	var r branchRef
	body, err := openRef(b)
	if err != nil {
		return r, err
	}
	if len(b) < branchRefLen || body[1]&^(refHasCommit|refHasBase) != 0 ||
		len(b) > branchRefLen != (body[1]&refHasBase != 0) {
		return r, errRefShape
	}
	r.hasCommit = body[1]&refHasCommit != 0
	copy(r.commit[:], body[2:])
	if !r.hasCommit && r.commit != (codec.Hash{}) {
		return r, errRefShape
	}
	r.tree, r.side, r.folded = parseTrees(body[branchRefHead:])
	if body[1]&refHasBase != 0 {
		r.behind, err = parseBase(body[branchRefLen-crcLen:], r.folded)
	}
	return r, err
}

var errRefShape = fmt.Errorf("%w: branch record of the wrong shape", ErrCorrupt)

func parseBase(b []byte, folded uint64) (*base, error) {
	var d base
	if len(b) < baseHead {
		return nil, errRefShape
	}
	d.tree, d.side, d.folded = parseTrees(b)
	count := int(binary.LittleEndian.Uint16(b[baseHead-2:]))
	if b = b[baseHead:]; len(b) != count*madeLen || d.folded > folded {
		return nil, errRefShape
	}
	for at := d.folded; len(b) > 0; b = b[madeLen:] {
		m := madeTree{folded: binary.LittleEndian.Uint64(b)}
		copy(m.tree[:], b[8:])
		if m.folded < at || m.folded > folded {
			return nil, errRefShape
		}
		at = m.folded
		d.made = append(d.made, m)
	}
	return &d, nil
}

func parseTrees(b []byte) (tree, side prolly.Addr, folded uint64) {
	return parseAddr(b), parseAddr(b[addrLen:]), binary.LittleEndian.Uint64(b[2*addrLen:])
}

func parseAddr(b []byte) (a prolly.Addr) {
	copy(a.Hint[:], b[copy(a.Hash[:], b):])
	return a
}

// openRef checks the version and the checksum of a ref and returns what lies
// before the checksum.
func openRef(b []byte) ([]byte, error) {
	if len(b) < 1+crcLen {
		return nil, fmt.Errorf("%w: ref record too short", ErrCorrupt)
	}
	body := b[:len(b)-crcLen]
	if binary.LittleEndian.Uint32(b[len(body):]) != crc32.Checksum(body, castagnoli) {
		return nil, fmt.Errorf("%w: ref record with a wrong checksum", ErrCorrupt)
	}
	if body[0] != refV1 {
		return nil, fmt.Errorf("engine: %w: ref record of version %d", kv.ErrFormat, body[0])
	}
	return body, nil
}
