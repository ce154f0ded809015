package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// TestCheckDAGCBOR: what is canonical and what is not, by its bytes.
func TestCheckDAGCBOR(t *testing.T) {
	const link = "d82a5825000171122000000000000000000000000000000000000000000000000000000000000000" + "00"
	for _, c := range []struct {
		name, bytes string
		want        error
	}{
		{"zero", "00", nil}, {"23", "17", nil}, {"24", "1818", nil}, {"largest", "1bffffffffffffffff", nil}, {"smallest", "3bffffffffffffffff", nil},
		{"null", "f6", nil}, {"true", "f5", nil}, {"a float", "fb3ff8000000000000", nil}, {"empty text", "60", nil}, {"text", "62c3bc", nil},
		{"list", "8301820203820405", nil}, {"map", "a2616101616202", nil}, {"shorter keys first", "a262616101" + "6363636302", nil}, {"link", link, nil},
		{"nothing", "", ErrSyntax}, {"long head", "1817", ErrSyntax}, {"longer head", "190018", ErrSyntax}, {"half a head", "19", ErrSyntax},
		{"text cut short", "6261", ErrSyntax}, {"no UTF-8", "61ff", ErrSyntax}, {"a surrogate", "63eda080", ErrSyntax},
		{"indefinite list", "9fff", ErrSyntax}, {"indefinite text", "7fff", ErrSyntax}, {"indefinite map", "bfff", ErrSyntax},
		{"float of 16 bits", "f93e00", ErrSyntax}, {"float of 32 bits", "fa3fc00000", ErrSyntax}, {"NaN", "fb7ff8000000000000", ErrSyntax}, {"infinite", "fb7ff0000000000000", ErrSyntax},
		{"undefined", "f7", ErrSyntax}, {"simple value", "e0", ErrSyntax}, {"break", "ff", ErrSyntax},
		{"keys in another order", "a2616201616102", ErrOrder}, {"longer keys first", "a26362626201" + "61630 2", ErrOrder}, {"a key twice", "a2616101616102", ErrOrder},
		{"a key of bytes", "a1416101", ErrSyntax}, {"a number as key", "a10101", ErrSyntax}, {"a map cut short", "a1", ErrSyntax},
		{"another tag", "c100", ErrSyntax}, {"tag 42 on text", "d82a6100", ErrSyntax}, {"a link that does not begin with 0", "d82a420101", ErrLink}, {"an empty link", "d82a4100", ErrLink},
		{"trailing", "0000", ErrTrailing}, {"deep", "8181818181" + "00", ErrTooLarge}, {"many", "8a00000000000000000000", ErrTooLarge}, {"many keys", "a5616100616200616300616400616500", ErrTooLarge},
		{"a list of 2^63", "9b7fffffffffffffff", ErrSyntax}, {"a text of 2^63", "7b7fffffffffffffff", ErrSyntax}, {"a map of 2^64-1", "bbffffffffffffffff", ErrSyntax},
	} {
		b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(c.bytes), []byte(" "), nil)))
		if err != nil {
			t.Fatal(c.name, err)
		}
		err = CheckDAGCBOR(b, 5, 9)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if d := (*DecodeError)(nil); err != nil && !errors.As(err, &d) {
			t.Errorf("%s: %T", c.name, err)
		}
	}
}

// FuzzCheckDAGCBOR: what passes, go-ipld-prime decodes and encodes to the same
// bytes.
func FuzzCheckDAGCBOR(f *testing.F) {
	for _, s := range []string{"a2616101616202", "8301820203820405", "fb3ff8000000000000", "d82a582500017112200000000000000000000000000000000000000000000000000000000000000000"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if CheckDAGCBOR(b, 16, 1000) != nil {
			return
		}
		n := basicnode.Prototype.Any.NewBuilder()
		if err := dagcbor.Decode(n, bytes.NewReader(b)); err != nil {
			return // a link that is no CID, an integer beyond 64 bits with its sign
		}
		var again bytes.Buffer
		if err := dagcbor.Encode(n.Build(), &again); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Errorf("%x is encoded as %x, %v", b, again.Bytes(), err)
		}
	})
}
