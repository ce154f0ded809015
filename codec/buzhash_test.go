package codec

import (
	"bytes"
	"io"
	"math/bits"
	"math/rand"
	"reflect"
	"strconv"
	"testing"

	"github.com/ipfs/boxo/chunker"
)

// Values over MaxBlob are cut by the buzhash chunker of boxo. What is written
// about it in FORMAT.md is done here once more, from that description, and
// compared.

const (
	buzWindow = 32
	buzMin    = 128 << 10
	buzMax    = 512 << 10
	buzMask   = 1<<17 - 1
)

// buzhashVector is the table and some data with the lengths of its chunks.
type buzhashVector struct {
	Window   int           `json:"window"`
	Min      int           `json:"min"`
	Max      int           `json:"max"`
	MaskBits int           `json:"maskBits"`
	Table    []uint32      `json:"table"`
	Cut      []chunkVector `json:"cut"`
}

// chunkVector tells how data is cut. Its bytes are the SHA-256 of Seed
// followed by the decimals of 0, of 1, and so on, one after the other; from
// the byte Zeros on they are 0.
type chunkVector struct {
	Seed    string   `json:"seed"`
	Length  int      `json:"length"`
	Zeros   int      `json:"zeros"`
	Lengths []uint64 `json:"lengths"`
	List    string   `json:"list"` // the CID of the chunk list
}

// buzhashTable computes the table: half of its words are all ones and half all
// zeros; then for 200 rounds, for each of the 32 bits, a random permutation
// swaps that bit between words. So each bit is set in half of the words. The
// random numbers are those of Go's math/rand with seed 0.
func buzhashTable() []uint32 {
	rnd := rand.New(rand.NewSource(0))
	table := make([]uint32, 256)
	for i := range 128 {
		table[i] = 1<<32 - 1
	}
	for range 200 {
		for bit := range 32 {
			for i, j := range rnd.Perm(256) {
				if d := (table[i] ^ table[j]) & (1 << bit); d != 0 {
					table[i] ^= d
					table[j] ^= d
				}
			}
		}
	}
	return table
}

// buzhashCut is the length of the first chunk of data.
func buzhashCut(table []uint32, data []byte) int {
	if len(data) <= buzMin {
		return len(data)
	}
	var h uint32
	for _, b := range data[buzMin-buzWindow : buzMin] {
		h = bits.RotateLeft32(h, 1) ^ table[b]
	}
	end := buzMin
	for most := min(len(data), buzMax); end < most && h&buzMask != 0; end++ {
		// A byte that leaves the window of 32 has been turned by 32 bits, which is not at all.
		h = bits.RotateLeft32(h, 1) ^ table[data[end-buzWindow]] ^ table[data[end]]
	}
	return end
}

func buzhashData(seed string, length, zeros int) []byte {
	b := make([]byte, 0, length+HashSize)
	for i := 0; len(b) < length; i++ {
		h := Sum(append([]byte(seed), strconv.Itoa(i)...))
		b = append(b, h[:]...)
	}
	b = b[:length]
	clear(b[min(zeros, length):])
	return b
}

func makeBuzhashVectors() []buzhashVector {
	v := buzhashVector{buzWindow, buzMin, buzMax, bits.Len32(buzMask), buzhashTable(), nil}
	for _, c := range []chunkVector{
		{Seed: "a", Length: 1<<20 + 1, Zeros: 1<<20 + 1},
		{Seed: "b", Length: 3 << 20, Zeros: 3 << 20},
		{Seed: "c", Length: 5_000_000, Zeros: 2_000_000},
		{Seed: "d", Length: 2 << 20, Zeros: 0},
		{Seed: "e", Length: 4*buzMax + buzMin, Zeros: 0},
		{Seed: "f", Length: 4*buzMax + buzMin + 1, Zeros: 0},
	} {
		data := buzhashData(c.Seed, c.Length, c.Zeros)
		l := ChunkList{Total: uint64(len(data))}
		for len(data) > 0 {
			n := buzhashCut(v.Table, data)
			l.Lengths = append(l.Lengths, uint64(n))
			l.Links = append(l.Links, RawCID(data[:n]))
			data = data[n:]
		}
		c.Lengths, c.List = l.Lengths, ListCID(l.Append(nil)).String()
		v.Cut = append(v.Cut, c)
	}
	return []buzhashVector{v}
}

func TestBuzhashIsBoxos(t *testing.T) {
	for _, v := range readVectors[buzhashVector](t, "buzhash.json", 1) {
		for _, c := range v.Cut {
			data := buzhashData(c.Seed, c.Length, c.Zeros)
			var lengths []uint64
			chunks := chunk.NewBuzhash(bytes.NewReader(data))
			for {
				b, err := chunks.NextBytes()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				lengths = append(lengths, uint64(len(b)))
			}
			if !reflect.DeepEqual(lengths, c.Lengths) {
				t.Errorf("%s: %v, boxo says %v", c.Seed, c.Lengths, lengths)
			}
		}
	}
}
