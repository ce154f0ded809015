package dataset

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// Lengths in bytes of what is in the standard set. No key of another shape is
// longer.
const (
	KeyLen   = 62
	ValueLen = 100
)

const (
	prefix = "/blob/"

	// digits are the characters of keys: 32 of them, so that five random bits
	// choose one.
	digits = "abcdefghijklmnopqrstuvwxyz234567"

	perWord = 12 // characters made of one random word
)

// Entry is a key and a value.
type Entry struct {
	Key, Value []byte
}

// Set is an endless sequence of entries. It is a small value; all methods may
// be called by several goroutines at once.
type Set struct {
	Seed   uint64
	Keys   KeyShape
	Values ValueShape
}

// The streams that random bytes are drawn from, so that no key's stream is a
// value's.
const (
	keyStream   = 0x6b65_79
	valueStream = 0x7661_6c75_65
)

// AppendKey appends the key of entry i.
func (s Set) AppendKey(dst []byte, i int) []byte {
	if s.Keys != Blobs {
		return s.appendShaped(dst, i)
	}
	var r rand.PCG
	r.Seed(s.Seed^keyStream, uint64(i))
	dst = append(dst, prefix...)
	for left := KeyLen - len(prefix); left > 0; left -= perWord {
		w := r.Uint64()
		for range min(left, perWord) {
			dst = append(dst, digits[w&31])
			w >>= 5
		}
	}
	return dst
}

// AppendValue appends a version of the value of entry i: 0 is what is loaded,
// others are what it is updated to.
func (s Set) AppendValue(dst []byte, i, version int) []byte {
	var r rand.PCG
	r.Seed(s.Seed^valueStream^uint64(version)<<32, uint64(i))
	end := len(dst) + s.Values.valueLen(i)
	for len(dst)+8 <= end {
		dst = binary.LittleEndian.AppendUint64(dst, r.Uint64())
	}
	var last [8]byte
	binary.LittleEndian.PutUint64(last[:], r.Uint64())
	return append(dst, last[:end-len(dst)]...)
}

// Key returns the key of entry i.
func (s Set) Key(i int) []byte { return s.AppendKey(make([]byte, 0, KeyLen), i) }

// Value returns a version of the value of entry i.
func (s Set) Value(i, version int) []byte {
	return s.AppendValue(make([]byte, 0, s.Values.valueLen(i)), i, version)
}

// Entries returns entries from up to, without, to, in the order of their
// numbers, which is no order of their keys. They share memory.
func (s Set) Entries(from, to int) []Entry {
	return s.make(to-from, 0, func(j int) int { return from + j })
}

// Updates returns a version of the entries with the numbers given.
func (s Set) Updates(numbers []int, version int) []Entry {
	return s.make(len(numbers), version, func(j int) int { return numbers[j] })
}

// Sorted returns the first n entries by key.
func (s Set) Sorted(n int) []Entry {
	e := s.Entries(0, n)
	Sort(e)
	return e
}

func (s Set) make(n, version int, number func(int) int) []Entry {
	size := 0
	for j := range n {
		size += KeyLen + s.Values.valueLen(number(j))
	}
	room := make([]byte, 0, size)
	entries := make([]Entry, n)
	for j := range entries {
		at := len(room)
		room = s.AppendKey(room, number(j))
		mid := len(room)
		room = s.AppendValue(room, number(j), version)
		entries[j] = Entry{Key: room[at:mid:mid], Value: room[mid:len(room):len(room)]}
	}
	return entries
}

// Sort orders entries by key.
func Sort(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return bytes.Compare(a.Key, b.Key) })
}

// Pick returns k different numbers below n, at random but the same for the same
// seed and round.
func (s Set) Pick(k, n, round int) []int {
	r := rand.New(rand.NewPCG(s.Seed, uint64(round)))
	if k > n/2 {
		return r.Perm(n)[:min(k, n)]
	}
	seen := make(map[int]struct{}, k)
	numbers := make([]int, 0, k)
	for len(numbers) < k {
		i := r.IntN(n)
		if _, ok := seen[i]; !ok {
			seen[i] = struct{}{}
			numbers = append(numbers, i)
		}
	}
	return numbers
}
