package pebblekv

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// The spaces of keys, in the order in which they lie. Each is followed by no
// other space's byte, so that space+1 is its end.
const (
	blobSpace = 'b'
	hashSpace = 'h'
	logSpace  = 'l'
	metaSpace = 'm'
	nodeSpace = 'n'
	refSpace  = 'r'
)

// stateKey leads to the state record.
var stateKey = []byte{metaSpace, 's'}

// idLen is the length of an id in bytes.
const idLen = 12

// id says where a node lies: the generation, then the sequence within it. The
// zero id leads nowhere.
type id [idLen]byte

func makeID(generation uint32, sequence uint64) (i id) {
	binary.BigEndian.PutUint32(i[:4], generation)
	binary.BigEndian.PutUint64(i[4:], sequence)
	return i
}

func (i id) generation() uint32 { return binary.BigEndian.Uint32(i[:4]) }

func (i id) sequence() uint64 { return binary.BigEndian.Uint64(i[4:]) }

func (i id) hint() (h kv.Hint) {
	copy(h[:], i[:])
	return h
}

// idOf returns the id in a hint; the zero id when it is none of this store's.
func idOf(h kv.Hint) (i id) {
	if [4]byte(h[idLen:]) != [4]byte{} {
		return id{}
	}
	return id(h[:idLen])
}

// nodeKeyLen and hashKeyLen are the lengths of keys in bytes.
const (
	nodeKeyLen = 1 + idLen
	hashKeyLen = 1 + codec.HashSize
)

func putNodeKey(dst []byte, i id) {
	dst[0] = nodeSpace
	copy(dst[1:], i[:])
}

// afterStretch is the first key after the stretch of ids in which a key of the
// node space lies, or would.
func afterStretch(key []byte) []byte {
	var i id
	copy(i[:], key[1:])
	if i.stretch() == math.MaxUint64/stretchIDs {
		return []byte{nodeSpace + 1}
	}
	next := make([]byte, nodeKeyLen)
	putNodeKey(next, makeID(i.generation(), (i.stretch()+1)*stretchIDs))
	return next
}

func putHashKey(dst []byte, h *codec.Hash) {
	dst[0] = hashSpace
	copy(dst[1:], h[:])
}

func blobKey(multihash []byte) []byte {
	return append(append(make([]byte, 0, 1+len(multihash)), blobSpace), multihash...)
}

func refKey(name string) []byte {
	return append(append(make([]byte, 0, 1+len(name)), refSpace), name...)
}

// sequenceLen is the length, in bytes, of the number of the batch in front of a
// log record.
const sequenceLen = 8

// parseRecord takes the value of a log record apart.
func parseRecord(value []byte) (batch uint64, data []byte, err error) {
	if len(value) < sequenceLen {
		return 0, nil, fmt.Errorf("%w: log record of %d bytes", kv.ErrCorrupt, len(value))
	}
	return binary.BigEndian.Uint64(value), value[sequenceLen:], nil
}

// logKeyLen is the length of a key in the log of ref.
func logKeyLen(ref string) int { return 2 + len(ref) + 8 }

func putLogKey(dst []byte, ref string, seq uint64) {
	dst[0], dst[1] = logSpace, byte(len(ref))
	copy(dst[2:], ref)
	binary.BigEndian.PutUint64(dst[2+len(ref):], seq)
}

func logKey(ref string, seq uint64) []byte {
	key := make([]byte, logKeyLen(ref))
	putLogKey(key, ref, seq)
	return key
}

// logEnd is the first key after the log of ref.
func logEnd(ref string) []byte { return append(logKey(ref, ^uint64(0)), 0) }

// afterLog is the first key after record seq of the log of ref.
func afterLog(ref string, seq uint64) []byte { return append(logKey(ref, seq), 0) }

// parseLogKey takes a key of the log space apart.
func parseLogKey(key []byte) (ref []byte, seq uint64, ok bool) {
	if len(key) < 2 || len(key) != 2+int(key[1])+8 {
		return nil, 0, false
	}
	ref = key[2 : 2+int(key[1])]
	return ref, binary.BigEndian.Uint64(key[2+len(ref):]), true
}

// prefixEnd is the first key after all keys with the prefix, which is not all
// 0xff because it begins with the byte of a space.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte{}, prefix...)
	for end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	end[len(end)-1]++
	return end
}

// parseNodeKey takes a key of the node space apart.
func parseNodeKey(key []byte) (i id, err error) {
	if len(key) != nodeKeyLen {
		return i, fmt.Errorf("%w: node key %x", kv.ErrCorrupt, key)
	}
	return id(key[1:]), nil
}

// parseIndex takes an entry of the hash space apart.
func parseIndex(key, value []byte) (h codec.Hash, i id, err error) {
	i, ok := parsePlace(value)
	if len(key) != hashKeyLen || !ok {
		return h, i, fmt.Errorf("%w: index entry %x, %x", kv.ErrCorrupt, key, value)
	}
	return codec.Hash(key[1:]), i, nil
}
