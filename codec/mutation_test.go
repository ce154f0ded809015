package codec

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// C2, C4: every block that differs from a good one in one byte is refused, or
// is itself the only encoding of what it says.
func TestEveryByteChanged(t *testing.T) {
	limit := 900
	if testing.Short() {
		limit = 300
	}
	for name, block := range allBlocks() {
		if len(block) > limit {
			continue
		}
		kind, _, _ := strings.Cut(name, ":")
		check := func(what string, at int, b []byte) {
			if err := checkDecode(kind, b); err != nil {
				t.Fatalf("%s: byte %d %s: %v", name, at, what, err)
			}
		}
		for at := range block {
			changed := bytes.Clone(block)
			inserted := slices.Insert(bytes.Clone(block), at, 0)
			for v := range 256 {
				changed[at] = byte(v)
				check("changed", at, changed)
				inserted[at] = byte(v)
				check("inserted", at, inserted)
			}
			check("removed", at, slices.Delete(bytes.Clone(block), at, at+1))
			check("and all behind it cut off", at, block[:at])
		}
	}
}

// A block that was cut short or lengthened is always refused.
func TestOtherLengthIsRefused(t *testing.T) {
	for name, block := range allBlocks() {
		kind, _, _ := strings.Cut(name, ":")
		step := 1 + len(block)/500
		for at := 0; at < len(block); at += step {
			if _, err := decode(kind, block[:at]); err == nil {
				t.Errorf("%s: %d of %d bytes are accepted", name, at, len(block))
			}
		}
		if _, err := decode(kind, append(bytes.Clone(block), 0)); err == nil {
			t.Errorf("%s: accepted with a byte behind it", name)
		}
	}
}

// Several changes at once, also such as move and repeat parts.
func TestManyChanges(t *testing.T) {
	blocks := allBlocks()
	names := make([]string, 0, len(blocks))
	for name, block := range blocks {
		if len(block) <= MaxNode {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "block")
		block := bytes.Clone(blocks[name])
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			block = change(t, block)
		}
		for _, kind := range []string{"leaf", "list", "commit", "question"} {
			if err := checkDecode(kind, block); err != nil {
				t.Fatalf("%s as %s: %v", name, kind, err)
			}
			if _, err := decode(kind, block); err == nil {
				if err := dagCBOR(block); err != nil {
					t.Fatalf("%s as %s: accepted, but %v", name, kind, err)
				}
			}
		}
	})
}

func change(t *rapid.T, b []byte) []byte {
	if len(b) == 0 {
		return []byte{0x89}
	}
	at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
	to := min(len(b), at+rapid.IntRange(1, 50).Draw(t, "length"))
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0:
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case 1:
		b[at] = rapid.SampledFrom([]byte{0, 1, 23, 24, 25, 0x3f, 0x40, 0x58, 0x80, 0xff}).Draw(t, "value")
	case 2:
		b = slices.Delete(b, at, to)
	case 3:
		b = slices.Insert(b, at, bytes.Clone(b[at:to])...)
	case 4:
		from := rapid.IntRange(0, len(b)-1).Draw(t, "from")
		copy(b[at:to], bytes.Clone(b[from:]))
	}
	return b
}
