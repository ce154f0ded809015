package dataset

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// KeyShape is what keys look like. The zero value is the standard set's.
type KeyShape uint8

const (
	Blobs    KeyShape = iota // "/blob/" and 56 random characters: 62 bytes
	Random32                 // 32 random bytes
	Uploads                  // "/upload/" and the entry's number in 12 digits: 20 bytes, in order
	Paths                    // "/users/…/docs/…/….json": 30 to 45 bytes, most of it shared with neighbours
)

// ValueShape is what values look like. The zero value is the standard set's.
type ValueShape uint8

const (
	Bytes100  ValueShape = iota
	Empty                // 0 bytes
	Bytes1K              // 1,024 bytes
	Bytes256K            // 262,144 bytes
	Mixed                // 100 bytes, and 256 KiB for every 500th entry
)

var (
	keyNames   = []string{"blob", "random32", "upload", "path"}
	valueNames = []string{"100B", "0B", "1KiB", "256KiB", "mixed"}
)

func (s KeyShape) String() string   { return keyNames[s] }
func (s ValueShape) String() string { return valueNames[s] }

// ParseKeyShape is the opposite of String.
func ParseKeyShape(name string) (KeyShape, error) {
	i, err := index(keyNames, name)
	return KeyShape(i), err
}

// ParseValueShape is the opposite of String.
func ParseValueShape(name string) (ValueShape, error) {
	i, err := index(valueNames, name)
	return ValueShape(i), err
}

func index(names []string, name string) (int, error) {
	for i, n := range names {
		if n == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("dataset: no shape %q; there are: %v", name, names)
}

const (
	large = 256 << 10

	// rare is the distance between large values of Mixed.
	rare = 500
)

// valueLen is the length of entry i's value.
func (s ValueShape) valueLen(i int) int {
	switch s {
	case Empty:
		return 0
	case Bytes1K:
		return 1 << 10
	case Bytes256K:
		return large
	case Mixed:
		if i%rare == rare-1 {
			return large
		}
	}
	return ValueLen
}

// appendKey appends the key of entry i in one of the shapes beside the standard
// one.
func (s Set) appendShaped(dst []byte, i int) []byte {
	var r rand.PCG
	r.Seed(s.Seed^keyStream, uint64(i))
	switch s.Keys {
	case Random32:
		for range 4 {
			dst = binary.LittleEndian.AppendUint64(dst, r.Uint64())
		}
	case Uploads:
		dst = fmt.Appendf(dst, "/upload/%012d", i)
	case Paths: // 4,096 users, 64 folders each
		w := r.Uint64()
		dst = fmt.Appendf(dst, "/users/u%04d/docs/%c%c/", w&4095, digits[w>>12&31], digits[w>>17&1])
		dst = strconv.AppendInt(dst, int64(i), 36)
		dst = append(dst, '-', digits[w>>20&31], digits[w>>25&31], digits[w>>30&31], digits[w>>35&31])
		dst = append(dst, ".json"...)
	}
	return dst
}
