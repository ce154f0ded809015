package rows

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

const someCID = "bafyreiggt3tmb5s7rls7z2lmdtluypmwlbssolx52nejb2easdridoycgi"

// read returns the rows of a file as text, and the error at its end.
func read(f Format, o Options, text string) ([]string, error) {
	var out []string
	for e, err := range Read("file", iotest.HalfReader(strings.NewReader(text)), f, o) {
		if err != nil {
			return out, err
		}
		if e.Value.Link.Defined() {
			out = append(out, fmt.Sprintf("%q -> %v", e.Key, e.Value.Link))
			continue
		}
		out = append(out, fmt.Sprintf("%q=%q", e.Key, e.Value.Bytes))
	}
	return out, nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name string
		f    Format
		o    Options
		text string
		want []string
	}{
		{"empty", JSONL, Options{}, "", nil},
		{"json", JSONL, Options{}, `{"key":"a","value":"1"}` + "\n" + `{ "value" : "2", "key" : "b" } ` + "\r\n\n", []string{`"a"="1"`, `"b"="2"`}},
		{"json without the last line feed", JSONL, Options{}, `{"key":"a","value":""}`, []string{`"a"=""`}},
		{"json forms", JSONL, Options{}, `{"key":{"/":{"bytes":"/w=="}},"value":{"/":"` + someCID + `"}}`, []string{`"\xff" -> ` + someCID}},
		{"json with a mark", JSONL, Options{}, "\ufeff" + `{"key":"a","value":"1"}`, []string{`"a"="1"`}},
		{"csv", CSV, Options{}, "a,1\r\n\n\"b\",\"say \"\"2\"\"\"\nc,\n\"d\",\"\"\n", []string{`"a"="1"`, `"b"="say \"2\""`, `"c"=""`, `"d"=""`}},
		{"csv over lines", CSV, Options{}, "\"a\nb\",\"1\r\n\n2\"\r\nc,3", []string{`"a\nb"="1\r\n\n2"`, `"c"="3"`}},
		{"csv quotes over lines", CSV, Options{}, "a,\"\"\"x\"\"\n\"\"y\"\"\"\n", []string{`"a"="\"x\"\n\"y\""`}},
		{"csv header", CSV, Options{Header: true}, "id,Value,x,KEY\n1,2,3,4\n", []string{`"4"="2"`}},
		{"csv plain header", CSV, Options{Header: true}, "\ufeffname,age\na,1\n", []string{`"a"="1"`}},
		{"csv header only", CSV, Options{Header: true}, "name,age\n", nil},
		{"csv nothing", CSV, Options{Header: true}, "", nil},
		{"csv binary", CSV, Options{}, "\xff,\x00\n", []string{`"\xff"="\x00"`}},
		{"lines", Lines, Options{}, "a\t1\nb\nc\t2\t3\r\nd\t\n", []string{`"a"="1"`, `"b"=""`, `"c"="2\t3"`, `"d"=""`}},
		{"line numbers", Lines, Options{LineNumbers: true}, "x\n\ny\t1", []string{`"000000000001"="x"`, `"000000000002"=""`, `"000000000003"="y\t1"`}},
	} {
		got, err := read(c.f, c.o, c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

// L2: the error, and the rows before it.
func TestMalformed(t *testing.T) {
	const ok = `{"key":"a","value":"1"}` + "\n"
	long := strings.Repeat("k", 1025)
	for _, c := range []struct {
		f    Format
		o    Options
		text string
		rows int
		line int
		want string
	}{
		{JSONL, Options{}, ok + "oops\n" + ok, 1, 2, "malformed JSON"},
		{JSONL, Options{}, ok + "\n\n" + `{"key":"b"}`, 1, 4, "an entry is"},
		{JSONL, Options{}, `{"key":"b","value":"c","value":"d"}`, 0, 1, "unexpected member \"value\""},
		{JSONL, Options{}, `{"key":"b","val":"c"}`, 0, 1, "unexpected member \"val\""},
		{JSONL, Options{}, `{"key":"b","value":5}`, 0, 1, "\"value\": malformed"},
		{JSONL, Options{}, `{"key":{"/":"` + someCID + `"},"value":"c"}`, 0, 1, "a key is no link"},
		{JSONL, Options{}, `{"key":"b","value":"c"} {}`, 0, 1, "end of the line"},
		{JSONL, Options{}, `{"key":"b","value":"c"`, 0, 1, "it ends where"},
		{JSONL, Options{}, `[]`, 0, 1, "expected"},
		{JSONL, Options{}, `{"key":"","value":"c"}`, 0, 1, "empty key"},
		{JSONL, Options{}, ok + `{"key":"` + long + `","value":"c"}`, 1, 2, "key too long"},
		{CSV, Options{}, "a,1\nb\n", 1, 2, "1 fields where 2"},
		{CSV, Options{}, "a,1\nb,2,3\n", 1, 2, "3 fields where 2"},
		{CSV, Options{}, "a,1\n,2\n", 1, 2, "empty key"},
		{CSV, Options{}, "\"a\nx\",1\nb,\"2\n\n", 1, 3, "never closed"},
		{CSV, Options{}, "a,b\"c\n", 0, 1, "quote within"},
		{CSV, Options{}, "a,\"b\"c\n", 0, 1, "closing quote"},
		{CSV, Options{Header: true}, "a,b,c\n1,2,3\n", 0, 1, "none of them are called"},
		{Lines, Options{}, "a\t1\n\n", 1, 2, "empty key"},
		{Lines, Options{}, "\tx\n", 0, 1, "empty key"},
		{Lines, Options{}, "a\n" + long + "\n", 1, 2, "key too long"},
	} {
		got, err := read(c.f, c.o, c.text)
		var at *LineError
		if !errors.As(err, &at) || at.File != "file" || at.Line != c.line || !strings.Contains(err.Error(), c.want) || len(got) != c.rows {
			t.Errorf("L2: %s %.60q: %d rows, %v; want %d, line %d and %q", c.f, c.text, len(got), err, c.rows, c.line, c.want)
		}
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("broken disk")
	for _, f := range []Format{JSONL, CSV, Lines} {
		text := map[Format]string{JSONL: `{"key":"a","value":"1"}` + "\n", CSV: "a,1\n", Lines: "a\t1\n"}[f]
		var rows int
		var last error
		for _, err := range Read("file", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), f, Options{}) {
			if last = err; err == nil {
				rows++
			}
		}
		var at *LineError
		if !errors.Is(last, broken) || errors.As(last, &at) || rows != 1 {
			t.Errorf("%s: %d rows and %v", f, rows, last)
		}
	}
}

// L1: whatever a format takes it gives back.
func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	alphabet := []string{"a", "b", ",", "\"", "\\", "\n", "\r", "\t", "\r\n", " ", "é", "\ufeff", "\xff", "\x00", "{"}
	random := func(min int) []byte {
		b := []byte{}
		for n := min + rng.IntN(6); n > 0; n-- {
			b = append(b, alphabet[rng.IntN(len(alphabet))]...)
		}
		return b
	}
	for range 2_000 {
		for _, f := range []Format{JSONL, CSV, Lines} {
			var file bytes.Buffer
			buf := bufio.NewWriter(&file)
			w := NewWriter(buf, f, nil)
			var want []string
			for range rng.IntN(5) {
				e := entry(random(1), random(0))
				if err := w.Write(e); errors.Is(err, errLines) {
					continue
				} else if err != nil {
					t.Fatal(seed, err)
				}
				want = append(want, fmt.Sprintf("%q=%q", e.Key, e.Value.Bytes))
			}
			buf.Flush()
			got, err := read(f, Options{}, file.String())
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: L1 violated by %s: %q read as %q, %v; want %q", seed, f, file.String(), got, err, want)
			}
		}
	}
}

// Where there is no carriage return, encoding/csv reads the same.
func TestCSVElsewhere(t *testing.T) {
	var file bytes.Buffer
	buf := bufio.NewWriter(&file)
	w := NewWriter(buf, CSV, nil)
	want := [][]string{{"a", "1"}, {"b,\"", "x\ny\"\""}, {"\"", ""}, {" c ", "\xff"}}
	for _, r := range want {
		if err := w.Write(entry([]byte(r[0]), []byte(r[1]))); err != nil {
			t.Fatal(err)
		}
	}
	buf.Flush()
	got, err := csv.NewReader(&file).ReadAll()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	link := prolly.Entry{Key: []byte("l"), Value: prolly.Value{Link: cid.MustParse(someCID)}}
	for _, f := range []Format{CSV, Lines} {
		if err := NewWriter(bufio.NewWriter(io.Discard), f, nil).Write(link); !errors.Is(err, errLink) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

type closer struct{ io.ReadSeeker }

func (closer) Close() error { return nil }

// Long values, whole and in pieces, in all formats.
func TestOutOfLine(t *testing.T) {
	c := cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	for name, value := range map[string][]byte{
		"text":            []byte(strings.Repeat("é漢🙂\"\\,", 90_000)),
		"binary":          bytes.Repeat([]byte{1, 2, 0xff}, 500_001),
		"text cut short":  append([]byte(strings.Repeat("é漢🙂", 150_000)), 0xf0, 0x9f),
		"not at all long": []byte("é"),
	} {
		open := func(prolly.Value) (io.ReadSeekCloser, error) { return closer{bytes.NewReader(value)}, nil }
		for _, f := range []Format{JSONL, CSV, Lines} {
			var file bytes.Buffer
			buf := bufio.NewWriter(&file)
			err := NewWriter(buf, f, open).Write(prolly.Entry{Key: []byte("k"), Value: prolly.OutOfLine(c, uint64(len(value)))})
			if err != nil {
				t.Fatal(err)
			}
			buf.Flush()
			if isText := !bytes.Contains(file.Bytes(), []byte(`{"bytes":`)); f == JSONL && isText != utf8.Valid(value) {
				t.Errorf("%s: written as text: %v", name, isText)
			}
			n := 0
			for e, err := range Read("file", &file, f, Options{}) {
				if err != nil || !bytes.Equal(e.Value.Bytes, value) {
					t.Errorf("L1 violated: %s as %s: %d bytes, %v", name, f, len(e.Value.Bytes), err)
				}
				n++
			}
			if n != 1 {
				t.Errorf("%s as %s: %d rows", name, f, n)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	for name, want := range map[string]Format{"a.csv": CSV, "b.TSV": Lines, "c.txt": Lines, "d.jsonl": JSONL, "-": JSONL, "e": JSONL} {
		if got := FormatOf(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("xml")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("{\"key\":\"a\",\"value\":\"1\"}\n", uint8(0))
	f.Add("a,\"b\"\"\n\"\n", uint8(1))
	f.Add("a\tb\n", uint8(2))
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		format := []Format{JSONL, CSV, Lines}[which%3]
		rows, err := read(format, Options{Header: which > 100}, text)
		if len(rows) > strings.Count(text, "\n")+1 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for _, f := range []Format{JSONL, CSV, Lines} {
		b.Run(string(f), func(b *testing.B) {
			var file bytes.Buffer
			buf := bufio.NewWriter(&file)
			w := NewWriter(buf, f, nil)
			for i := range 10_000 {
				if err := w.Write(entry(fmt.Appendf(nil, "%032d", i), bytes.Repeat([]byte("v"), 100))); err != nil {
					b.Fatal(err)
				}
			}
			buf.Flush()
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range Read("file", bytes.NewReader(file.Bytes()), f, Options{}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
