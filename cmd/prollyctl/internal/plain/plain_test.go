package plain

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

func TestAppend(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"é 漢 🙂":               "é 漢 🙂",
		`back\slash`:          `back\\slash`,
		"\n\r\t":              `\n\r\t`,
		"\x1b[31mred\x1b[0m":  `\x1b[31mred\x1b[0m`,
		"\x7f\u009f":          `\x7f\u009f`,
		"\xff\xc3":            `\xff\xc3`,
		"\ufffd":              "\ufffd",
		"\u202e\ue000":        `\u202e\ue000`,
		"\U000e0001":          `\U000e0001`,
		"👩\u200d🚀":            "👩\u200d🚀",
		"\xed\xa0\x80":        `\xed\xa0\x80`,
		"\u2028\u2029\ufeff.": `\u2028\u2029\ufeff.`,
	} {
		if got := Bytes([]byte(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// T1 and T2, and the same through a Writer whatever the pieces.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	alphabet := []string{"a", "\\", "x", "n", "1", "b", "\n", "\x1b", "é", "🙂", "\u202e", "\xff", "\xf0", "\x9f", "\x99"}
	seen := map[string]string{}
	for range 50_000 {
		var in []byte
		for range rng.IntN(5) {
			in = append(in, alphabet[rng.IntN(len(alphabet))]...)
		}
		out := Bytes(in)
		if !utf8.ValidString(out) {
			t.Fatalf("seed %d: T1 violated by %q: %q", seed, in, out)
		}
		for _, r := range out {
			if !Safe(r) {
				t.Fatalf("seed %d: T1 violated by %q: %q", seed, in, out)
			}
		}
		if other, ok := seen[out]; ok && other != string(in) {
			t.Fatalf("seed %d: T2 violated: %q and %q are both shown as %s", seed, other, in, out)
		}
		seen[out] = string(in)
		whole, pieces := written(t, in, len(in)), written(t, in, 1)
		if whole != pieces {
			t.Fatalf("seed %d: %q at once %q, in pieces %q", seed, in, whole, pieces)
		}
	}
}

func written(t *testing.T, in []byte, piece int) string {
	var b bytes.Buffer
	w := NewWriter(&b)
	for len(in) > 0 {
		n := min(piece, len(in))
		if _, err := w.Write(in[:n]); err != nil {
			t.Fatal(err)
		}
		in = in[n:]
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestClean(t *testing.T) {
	if got := Clean("key \"\\x1b\"\x1b\n\xff"); got != `key "\x1b"\x1b\n\xff` {
		t.Errorf("%s", got)
	}
}

func TestHead(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aéb", 2, "a…"}, {"\xff\xff\xff", 1, `\xff…`}, {"🙂🙂", 5, "🙂…"}} {
		if got := Head([]byte(c.in), c.max); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}
