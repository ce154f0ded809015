package codec

import (
	"bytes"
	"slices"

	"pgregory.net/rapid"
)

// drawKeys draws 1 or more distinct keys in order, mostly alike.
func drawKeys(t *rapid.T, least, most int) [][]byte {
	prefix := rapid.SliceOfN(rapid.Byte(), 0, rapid.SampledFrom([]int{0, 3, 40, MaxKey - 20}).Draw(t, "prefix length")).Draw(t, "prefix")
	letters := rapid.SampledFrom([]*rapid.Generator[byte]{
		rapid.Byte(), rapid.SampledFrom([]byte{0, 255}), rapid.ByteRange('a', 'd'),
	}).Draw(t, "letters")
	suffix := rapid.SliceOfN(letters, 0, 20)
	var keys [][]byte
	for range most {
		keys = append(keys, slices.Concat(prefix, suffix.Draw(t, "suffix")))
		if len(keys) >= least && rapid.IntRange(0, 30).Draw(t, "end") == 0 {
			break
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	if len(keys[0]) == 0 {
		keys = keys[1:]
	}
	for i := 1; len(keys) < least; i++ {
		keys = append(keys, slices.Concat(prefix, bytes.Repeat([]byte{255}, 10+i)))
		slices.SortFunc(keys, bytes.Compare)
		keys = slices.CompactFunc(keys, bytes.Equal)
	}
	return keys
}

// drawLeaf draws the entries of a leaf that keeps to every limit.
func drawLeaf(t *rapid.T) (entries []LeafEntry) {
	links := rapid.Bool().Draw(t, "links")
	weight := 0
	for _, key := range drawKeys(t, 1, 60) {
		e := drawValue(t, key, links)
		w := LeafWeight(len(key), e.Kind, len(e.Link)+len(e.Value))
		if weight += w; weight > MaxWeight {
			break
		}
		entries = append(entries, e)
	}
	return entries
}

func drawValue(t *rapid.T, key []byte, links bool) LeafEntry {
	e := LeafEntry{Key: key}
	if links {
		e.Kind = rapid.SampledFrom([]Kind{Inline, Blob, Link}).Draw(t, "kind")
	}
	fits := MaxItem - 4 - len(key)
	switch e.Kind {
	case Inline:
		n := min(fits, rapid.SampledFrom([]int{0, 1, 10, 100, fits}).Draw(t, "size"))
		e.Value = bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, n)
	case Blob:
		e.Size = rapid.SampledFrom([]uint64{uint64(fits) + 1, 5000, MaxBlob, MaxBlob + 1, MaxSum / 64}).Draw(t, "size")
		e.Link = RawCID(key).Bytes()
		if e.Size > MaxBlob {
			e.Link = ListCID(key).Bytes()
		}
	case Link:
		e.Link = drawCID(t)
	}
	return e
}

func drawCID(t *rapid.T) []byte {
	n := rapid.IntRange(0, 60).Draw(t, "digest")
	return rapid.SampledFrom([][]byte{
		RawCID([]byte{byte(n)}).Bytes(),
		append([]byte{0x12, 0x20}, make([]byte, 32)...),
		append([]byte{1, 0x55, 0, byte(n)}, make([]byte, n)...),
		append([]byte{1, 0xb2, 0x20, 0x1b, byte(n)}, make([]byte, n)...),
		longCID(),
	}).Draw(t, "cid")
}

// drawInner draws the entries of an inner node that keeps to every limit.
func drawInner(t *rapid.T) inner {
	in := inner{level: rapid.IntRange(1, MaxLevel).Draw(t, "level")}
	weight := 0
	for _, key := range drawKeys(t, 2, 60) {
		if weight += InnerWeight(len(key)); weight > MaxWeight {
			break
		}
		count := rapid.Uint64Range(1, MaxSum/64).Draw(t, "count")
		in.entries = append(in.entries, InnerEntry{
			Key: key, Child: Sum(key), Count: count,
			Bytes: rapid.Uint64Range(0, MaxSum/64).Draw(t, "bytes"),
		})
	}
	return in
}
