package djson

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	cid "github.com/ipfs/go-cid"
)

const someCID = "bafyreiggt3tmb5s7rls7z2lmdtluypmwlbssolx52nejb2easdridoycgi"

func TestAppendBytes(t *testing.T) {
	for in, want := range map[string]string{
		"":                   `""`,
		"text":               `"text"`,
		"a\"b\\c":            `"a\"b\\c"`,
		"\n\r\t\x00\x1b[1m":  `"\n\r\t\u0000\u001b[1m"`,
		"\x7f":               `"\u007f"`,
		"\u009b":             `"\u009b"`,
		"\u202eabc":          `"\u202eabc"`,
		"\U000e0001":         `"\udb40\udc01"`,
		"é漢🙂<&>":             `"é漢🙂<&>"`,
		"\xff":               `{"/":{"bytes":"/w"}}`,
		"\xff\xfe\xfd":       `{"/":{"bytes":"//79"}}`,
		"cut \xf0\x9f\x99":   `{"/":{"bytes":"Y3V0IPCfmQ"}}`,
		"\u00a0\u3000\u200d": "\"\u00a0\u3000\u200d\"",
	} {
		if got := string(AppendBytes(nil, []byte(in))); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// J1, J2: whatever the bytes.
func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	alphabet := []string{"a", "\"", "\\", "/", "\n", "\x00", "\x1b", "é", "漢", "🙂", "\u2028", "\u009f", "\ufffd", "\xff", "\xed\xa0\x80"}
	for range 20_000 {
		var in []byte
		for range rng.IntN(8) {
			in = append(in, alphabet[rng.IntN(len(alphabet))]...)
		}
		text := AppendBytes(nil, in)
		if !json.Valid(text) {
			t.Fatalf("seed %d: J1 violated by %q: %s is not JSON", seed, in, text)
		}
		for _, r := range string(text) {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 {
				t.Fatalf("seed %d: J2 violated by %q: %s", seed, in, text)
			}
		}
		p := NewParser(bytes.Clone(text))
		v, err := p.Value()
		if err == nil {
			err = p.End()
		}
		if err != nil || !bytes.Equal(v.Bytes, in) || v.Link.Defined() {
			t.Fatalf("seed %d: J1 violated by %q: %s read as %q, %v", seed, in, text, v.Bytes, err)
		}
	}
}

// What encoding/json writes is read alike.
func TestParseForeign(t *testing.T) {
	for in, want := range map[string]string{
		`"\u0041\/\b\f"`:                    "A/\b\f",
		`"\ud83d\ude42x"`:                   "🙂x",
		` { "/" : { "bytes" : "/w==" } } `:  "\xff",
		`{"/":{"bytes":""}}`:                "",
		`{"/":{"bytes":"YQ=="}}`:            "a",
		`"\n"`:                              "\n",
		`"` + strings.Repeat(`\\`, 9) + `"`: strings.Repeat(`\`, 9),
	} {
		p := NewParser([]byte(in))
		v, err := p.Value()
		if err == nil {
			err = p.End()
		}
		if err != nil || string(v.Bytes) != want {
			t.Errorf("%s: %q, %v; want %q", in, v.Bytes, err, want)
		}
	}
}

func TestLink(t *testing.T) {
	c := cid.MustParse(someCID)
	text := AppendLink(nil, c)
	if string(text) != `{"/":"`+someCID+`"}` {
		t.Fatal(string(text))
	}
	p := NewParser(text)
	if v, err := p.Value(); err != nil || v.Link != c || v.Bytes != nil {
		t.Fatal(v, err)
	}
}

// J3.
func TestRefused(t *testing.T) {
	for _, in := range []string{
		``, `"`, `"a`, `"a\`, `"a\"`, `"\u12"`, `"\u12G4"`, `"\x41"`, "\"a\nb\"", "\"\xff\"", `"\ud800"`, `"\ud800\u0041"`,
		`"\udc00"`, `"\ud83d"x`, `5`, `null`, `[]`, `{}`, `{"/"}`, `{"/":5}`, `{"/":"no cid"}`, `{"/":{"bytes":5}}`,
		`{"/":{"bytes":"####"}}`, `{"/":{"bytes":"YQ"}`, `{"/":{"bytes":"YQ"}}}`, `{"/":{"octets":"YQ"}}`, `{"x":"y"}`,
		`{"/":{"bytes":"YQ\n"}}`, `{"/":{"bytes":"YQ==="}}`, `{"/":"` + someCID + `","x":1}`,
	} {
		p := NewParser([]byte(in))
		_, err := p.Value()
		if err == nil {
			err = p.End()
		}
		if err == nil {
			t.Errorf("J3 violated: %q was read", in)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`"a\n\u0041"`))
	f.Add([]byte(`{"/":{"bytes":"/w"}}`))
	f.Add([]byte(`{"/":"` + someCID + `"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := NewParser(bytes.Clone(in))
		v, err := p.Value()
		if err != nil || p.End() != nil {
			return
		}
		if v.Link.Defined() {
			p = NewParser(AppendLink(nil, v.Link))
		} else {
			p = NewParser(AppendBytes(nil, v.Bytes))
		}
		w, err := p.Value()
		if err != nil || !bytes.Equal(v.Bytes, w.Bytes) || v.Link != w.Link {
			t.Fatalf("J1 violated: %q read as %q and then as %q, %v", in, v.Bytes, w.Bytes, err)
		}
		var s string
		if json.Unmarshal(in, &s) == nil && utf8.Valid(in) && s != string(v.Bytes) {
			t.Fatalf("%q: %q here, %q elsewhere", in, v.Bytes, s)
		}
	})
}

func BenchmarkString(b *testing.B) {
	line := []byte(`"` + strings.Repeat("value ", 16) + `"`)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		p := NewParser(line)
		if _, err := p.Value(); err != nil {
			b.Fatal(err)
		}
	}
}
