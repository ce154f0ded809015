package codec

import (
	"bytes"
	"errors"
	"testing"
)

func encodePatch(p Patch) []byte {
	var body []byte
	for c := range p.Changes() {
		body = AppendPatchChange(body, &c)
	}
	return AppendPatch(nil, p.Len(), body)
}

func patchBlock(changes ...PatchChange) []byte {
	var body []byte
	for i := range changes {
		body = AppendPatchChange(body, &changes[i])
	}
	return AppendPatch(nil, len(changes), body)
}

var none = PatchValue{None: true}

func inlineValue(s string) PatchValue { return PatchValue{Value: []byte(s)} }

func patchBlocks() map[string][]byte {
	blob := PatchValue{Kind: Blob, Size: 5000, Link: RawCID([]byte("apple")).Bytes()}
	list := PatchValue{Kind: Blob, Size: 5 << 30, Link: ListCID([]byte("date")).Bytes()}
	link := PatchValue{Kind: Link, Link: []byte{1, 0x55, 0, 2, 'h', 'i'}}
	return map[string][]byte{
		"empty":  patchBlock(),
		"add":    patchBlock(PatchChange{[]byte("a"), none, inlineValue("1")}),
		"remove": patchBlock(PatchChange{[]byte("a"), inlineValue(""), none}),
		"kinds": patchBlock(
			PatchChange{[]byte("a"), blob, list}, PatchChange{[]byte("b"), list, link},
			PatchChange{[]byte("bb"), link, inlineValue("x")}, PatchChange{[]byte("c"), none, blob},
		),
	}
}

// C1, C2, C3.
func TestPatch(t *testing.T) {
	for name, block := range patchBlocks() {
		if err := checkDecode("patch", block); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p, err := ParsePatch(block)
		if err != nil || (name == "empty") != (p.Len() == 0) {
			t.Errorf("%s: %v", name, err)
		}
		if err := dagCBOR(block); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// C4: a patch that breaks a rule is refused, for that reason.
func TestMalformedPatch(t *testing.T) {
	raw := RawCID([]byte("apple")).Bytes()
	one := func(old, new PatchValue) []byte { return patchBlock(PatchChange{[]byte("k"), old, new}) }
	good := one(none, inlineValue("1"))
	for rule, m := range map[string]struct {
		block []byte
		field string
		err   error
	}{
		"nothing":           {nil, "block", ErrSyntax},
		"another version":   {append([]byte{0x82, 2}, good[2:]...), "version", ErrVersion},
		"array of 3":        {append([]byte{0x83}, good[1:]...), "block", ErrSyntax},
		"trailing":          {append(bytes.Clone(good), 0), "block", ErrTrailing},
		"cut short":         {good[:len(good)-1], "new", ErrSyntax},
		"more than there":   {append([]byte{0x82, 1, 0x82}, good[3:]...), "changes", ErrSyntax},
		"too large":         {make([]byte, MaxPatch+1), "block", ErrTooLarge},
		"empty key":         {patchBlock(PatchChange{nil, none, inlineValue("1")}), "key", ErrKey},
		"long key":          {patchBlock(PatchChange{make([]byte, MaxKey+1), none, inlineValue("1")}), "key", ErrKey},
		"descending keys":   {patchBlock(PatchChange{[]byte("b"), none, inlineValue("1")}, PatchChange{[]byte("a"), none, inlineValue("1")}), "key", ErrOrder},
		"one key twice":     {patchBlock(PatchChange{[]byte("b"), none, inlineValue("1")}, PatchChange{[]byte("b"), none, inlineValue("1")}), "key", ErrOrder},
		"from none to none": {one(none, none), "changes", ErrKind},
		"no change":         {one(inlineValue("1"), inlineValue("1")), "changes", ErrKind},
		"too long inline":   {one(none, PatchValue{Value: make([]byte, MaxItem)}), "new", ErrKind},
		"too short a blob":  {one(PatchValue{Kind: Blob, Size: 9, Link: raw}, none), "old", ErrKind},
		"a blob as a list":  {one(PatchValue{Kind: Blob, Size: 5 << 30, Link: raw}, none), "old", ErrLink},
		"too large a blob":  {one(PatchValue{Kind: Blob, Size: MaxSum + 1, Link: raw}, none), "old", ErrTooLarge},
		"no CID":            {one(none, PatchValue{Kind: Link, Link: []byte("no CID")}), "new", ErrLink},
		"text":              {append(bytes.Clone(good[:len(good)-2]), 0x61, '1'), "new", ErrSyntax},
		"a long head":       {append(bytes.Clone(good[:len(good)-2]), 0x58, 1, '1'), "new", ErrSyntax},
	} {
		_, err := ParsePatch(m.block)
		var d *DecodeError
		if !errors.As(err, &d) || !errors.Is(err, m.err) || d.Field != m.field {
			t.Errorf("%s: %v, want %v in %s", rule, err, m.err, m.field)
		}
	}
}

func FuzzParsePatch(f *testing.F) {
	fuzz(f, "patch", patchBlocks(), func(b []byte) { _, _ = ParsePatch(b) })
}
