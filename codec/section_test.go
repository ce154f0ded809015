package codec

import (
	"bytes"
	"errors"
	"io"
	"testing"

	cid "github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"pgregory.net/rapid"
)

func sampleCAR() ([]byte, []Section) {
	var list []Section
	for i, b := range [][]byte{EmptyLeaf(), {}, bytes.Repeat([]byte{1}, 91), bytes.Repeat([]byte{2}, 92), bytes.Repeat([]byte{3}, 20_000)} {
		list = append(list, Section{Raw: i > 2, Hash: Sum(b), Block: b})
	}
	car := AppendSectionsHead(nil, EmptyRoot)
	for _, s := range list {
		car = AppendSection(car, s)
	}
	return car, list
}

// C1 for CARs.
func TestSections(t *testing.T) {
	car, list := sampleCAR()
	root, r, err := OpenSections(car)
	if root != EmptyRoot || err != nil {
		t.Fatal(root, err)
	}
	for _, want := range list {
		if s, err := r.Next(); err != nil || s.Raw != want.Raw || s.Hash != want.Hash || !bytes.Equal(s.Block, want.Block) {
			t.Errorf("%+v, %v, want %+v", s, err, want)
		}
	}
	if _, err := r.Next(); r.More() || err == nil {
		t.Error("something follows the last section")
	}
}

// go-car reads the same.
func TestSectionsWithGoCAR(t *testing.T) {
	car, list := sampleCAR()
	r, err := carv2.NewBlockReader(bytes.NewReader(car))
	if err != nil || r.Version != 1 || len(r.Roots) != 1 || r.Roots[0] != EmptyRoot.CID() {
		t.Fatal(r, err)
	}
	for _, want := range list {
		if b, err := r.Next(); err != nil || b.Cid() != want.CID() || !bytes.Equal(b.RawData(), want.Block) {
			t.Errorf("%v, %v, want %v", b, err, want.CID())
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}
}

func TestMalformedSections(t *testing.T) {
	car, _ := sampleCAR()
	for at := range carHeadSize {
		bad := bytes.Clone(car)
		bad[at]++
		root, _, err := OpenSections(bad)
		if inHash := at >= carHeadSize-len(carTail)-HashSize && at < carHeadSize-len(carTail); inHash != (err == nil) || inHash && root == EmptyRoot {
			t.Errorf("byte %d: %v, %v", at, root, err)
		}
	}
	link := string(EmptyRoot.CID().Bytes())
	for name, c := range map[string]struct {
		section string
		want    error
	}{
		"nothing":             {"", ErrSyntax},
		"cut short":           {"\x25" + link, ErrSyntax},
		"less than a CID":     {"\x23" + link, ErrSyntax},
		"a length of 0":       {"\x00" + link, ErrSyntax},
		"a length with zeros": {"\xa4\x00" + link, ErrSyntax},
		"a length of 5 bytes": {"\xff\xff\xff\xff\x0f" + link, ErrSyntax},
		"2 MiB":               {"\x80\x80\x80\x01" + link, ErrTooLarge},
		"a CIDv0":             {"\x24\x12\x20" + link, ErrLink},
		"another codec":       {"\x24\x01\x70" + link[2:], ErrLink},
		"another hash":        {"\x24\x01\x71\x13" + link[3:], ErrLink},
		"a shorter hash":      {"\x24\x01\x71\x12\x1f" + link[4:], ErrLink},
	} {
		_, r, err := OpenSections(append(car[:carHeadSize:carHeadSize], c.section...))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); !errors.Is(err, c.want) || r.Offset() != carHeadSize {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if s := (Section{Raw: true, Hash: Sum(nil)}); s.CID() != RawCID(nil) || s.CID().Type() != cid.Raw {
		t.Error(s.CID())
	}
}

// C2, C4 for CARs: what is read is what would be written.
func TestSectionsOfAnyBytes(t *testing.T) {
	car, _ := sampleCAR()
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(car)
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			b = change(t, b)
		}
		root, r, err := OpenSections(b)
		again := AppendSectionsHead(nil, root)
		for err == nil && r.More() {
			var s Section
			if s, err = r.Next(); err == nil {
				again = AppendSection(again, s)
			}
		}
		var d *DecodeError
		if err == nil && !bytes.Equal(again, b) || err != nil && !errors.As(err, &d) {
			t.Fatalf("%x is read as %x, %v", b, again, err)
		}
	})
}
