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
//	│ version 1 │ flags │ commit 32 │ tree: hash 32, hint 16 │ side: hash 32, hint 16 │ folded 8 LE │ CRC-32C 4 LE │
//
// Staging records up to folded are in the trees, so whether they were trimmed
// does not matter.
type branchRef struct {
	hasCommit  bool
	commit     codec.Hash
	tree, side prolly.Addr
	folded     uint64
}

const (
	refV1         = 1
	refHasCommit  = 1
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
	for _, a := range []prolly.Addr{r.tree, r.side} {
		b = append(append(b, a.Hash[:]...), a.Hint[:]...)
	}
	b = binary.LittleEndian.AppendUint64(b, r.folded)
	return appendCRC(b)
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
	if len(b) != branchRefLen || body[1]&^refHasCommit != 0 {
		return r, fmt.Errorf("%w: branch record of the wrong shape", ErrCorrupt)
	}
	r.hasCommit = body[1]&refHasCommit != 0
	copy(r.commit[:], body[2:])
	if !r.hasCommit && r.commit != (codec.Hash{}) {
		return r, fmt.Errorf("%w: branch record of the wrong shape", ErrCorrupt)
	}
	r.tree = parseAddr(body[branchRefHead:])
	r.side = parseAddr(body[branchRefHead+addrLen:])
	r.folded = binary.LittleEndian.Uint64(body[branchRefHead+2*addrLen:])
	return r, nil
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
