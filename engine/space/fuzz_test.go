package space

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzCAR: whatever bytes come, the decoders of requests and answers return
// what is well formed or one of the package's errors.
func FuzzCAR(f *testing.F) {
	root := newBlock([]byte("\xa0"))
	for _, v := range []any{&request{Space: "x", Head: mustCID(root.Link()), Ucan: mustCID(root.Link())}, &answer{Root: mustCID(root.Link())}} {
		var b []byte
		var err error
		switch v := v.(type) {
		case *request:
			b, err = encode(v, "Request")
		case *answer:
			b, err = encode(v, "Answer")
		}
		if err != nil {
			f.Fatal(err)
		}
		var car bytes.Buffer
		if err := writeCAR(&car, newBlock(b), nil); err != nil {
			f.Fatal(err)
		}
		f.Add(car.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ok := func(err error) {
			if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("%v", err)
			}
		}
		car, err := readCAR(bytes.NewReader(b), 1<<16, 64)
		ok(err)
		if err != nil {
			return
		}
		root := car.byName[car.root]
		_, err = decode[request](root, "Request", 1<<17)
		ok(err)
		_, err = decode[answer](root, "Answer", 1<<17)
		ok(err)
		_, err = executeOf(root)
		ok(err)
		_, err = invocationsOf(car)
		ok(err)
	})
}
