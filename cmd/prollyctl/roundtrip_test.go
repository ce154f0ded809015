package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mixedLines is a file of entries of all kinds.
func mixedLines(rng *rand.Rand, n int) string {
	var b strings.Builder
	str := func(text []byte) string {
		if rng.IntN(2) == 0 || !bytes.Equal(bytes.ToValidUTF8(text, nil), text) {
			enc := base64.RawStdEncoding
			if rng.IntN(2) == 0 {
				enc = base64.StdEncoding
			}
			return `{"/": {"bytes": "` + enc.EncodeToString(text) + `"}}`
		}
		s, _ := json.Marshal(string(text))
		return string(s)
	}
	random := func(max int) []byte {
		text := make([]byte, rng.IntN(max))
		for i := range text {
			text[i] = byte(rng.Uint32())
			if rng.IntN(3) > 0 {
				text[i] = "abc\"\\\n\t\x1b,/"[rng.IntN(10)]
			}
		}
		return text
	}
	for i := range n {
		value := str(random(60))
		switch {
		case i%50 == 7:
			value = `{"/":"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"}`
		case i%50 == 8:
			value = `""`
		case i%100 == 9:
			value = str(random(20_000))
		}
		fmt.Fprintf(&b, "{\"key\":%s,\"value\":%s}\n", str(append(random(30), byte(i), byte(i>>8))), value)
	}
	return b.String()
}

// dump and scan write what load reads: the same root, whatever is in it, and
// from every order.
func TestDumpLoad(t *testing.T) {
	c := newStore(t)
	seed := rand.Uint64()
	text := mixedLines(rand.New(rand.NewPCG(seed, 0)), 3000)
	big := strings.Repeat("é漢🙂\"\n", 200_000)
	c.file("data.jsonl", text)
	c.ok("load", "data.jsonl")
	c.okPipe(big, "put", "big text", "-")
	c.okPipe(big+"\xff", "put", "big bytes", "-")
	want := c.root()
	lines := strings.SplitAfter(c.ok("dump"), "\n")
	if dump := strings.Join(lines, ""); dump != c.ok("scan", "-o", "jsonl") {
		t.Errorf("seed %d: dump and scan -o jsonl differ", seed)
	}
	rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	for i, dump := range []string{c.ok("dump"), c.ok("scan", "--reverse", "-o", "jsonl"), strings.Join(lines, "")} {
		other := fmt.Sprint("copy", i)
		c.ok("init", "--store", other)
		c.okPipe(dump, "load", "-", "--store", other)
		if got := c.root("--store", other); got != want {
			t.Errorf("seed %d: copy %d has root %s, not %s", seed, i, got, want)
		}
	}
	if got := c.ok("get", "big text"); got != big {
		t.Errorf("big text: %d bytes", len(got))
	}
	var e struct {
		Value struct {
			Bytes struct {
				Base64 string `json:"bytes"`
			} `json:"/"`
		} `json:"value"`
	}
	c.json(&e, "get", "big bytes")
	if b, err := base64.RawStdEncoding.DecodeString(e.Value.Bytes.Base64); err != nil || string(b) != big+"\xff" {
		t.Errorf("big bytes: %d bytes, %v", len(b), err)
	}
}

// What csv and lines can hold they give back.
func TestOtherFormats(t *testing.T) {
	c := newStore(t)
	for i, kv := range [][2]string{{"plain", "text"}, {"comma,\"", "a\r\nb\"\""}, {"\xff", "\x00\xff"}, {" ", ""}, {"\ufeffmark", "x"}, {"large", strings.Repeat("0123456789\n", 2000)}} {
		c.ok("put", "--hex", fmt.Sprintf("%x", kv[0]), "--", kv[1][:min(len(kv[1]), 0)])
		c.okPipe(kv[1], "put", "--hex", fmt.Sprintf("%x", kv[0]), "-")
		_ = i
	}
	c.okPipe(c.ok("dump", "--format", "csv"), "init", "--store", "copy")
	c.okPipe(c.ok("dump", "--format", "csv"), "load", "-", "--format", "csv", "--store", "copy")
	if a, b := c.root(), c.root("--store", "copy"); a != b {
		t.Errorf("csv: %s became %s", a, b)
	}
	c.fails(exitFailed, "use jsonl", "dump", "--format", "lines")
	c.ok("init", "--store", "words")
	c.okPipe("one\t1\ntwo\n\x1b\xff\t\\n\n", "load", "-", "--format", "lines", "--store", "words")
	if got := c.ok("dump", "--format", "lines", "--store", "words"); got != "\x1b\xff\t\\n\none\t1\ntwo\t\n" {
		t.Errorf("lines: %q", got)
	}
}

// A load is all or nothing, also when it is long and replaces what was there.
func TestLoadIsAtomic(t *testing.T) {
	c := newStore(t)
	c.ok("put", "000001", "before")
	c.ok("put", "--stage", "staged", "before")
	before, scan := c.root(), c.ok("scan")
	var b strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&b, "%06d,value %d\n", i*7919%60_000, i)
	}
	c.file("bad.csv", b.String()+"one field only\n")
	c.fails(exitFailed, "bad.csv:60001: 1 fields where 2", "load", "bad.csv")
	if c.root() != before || c.ok("scan") != scan {
		t.Error("C3 violated: a failed load changed the branch")
	}
	c.file("good.csv", b.String())
	out := c.ok("load", "good.csv", "-o", "jsonl")
	var info commitInfo
	if err := json.Unmarshal([]byte(out), &info); err != nil || *info.Loaded != 60_000 || info.Entries != 60_001 {
		t.Errorf("%s: %v", out, err)
	}
	if got := c.ok("get", "000001"); !strings.HasPrefix(got, "value") {
		t.Errorf("%q", got)
	}
}

// Binary keys on the command line, and links.
func TestHexAndLinks(t *testing.T) {
	c := newStore(t)
	c.ok("put", "--hex", "00ff10", "bytes")
	c.ok("put", "--link", "l", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	if got := c.ok("get", "--hex", "00FF10"); got != "bytes" {
		t.Errorf("%q", got)
	}
	if got := c.ok("get", "l"); got != "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy\n" {
		t.Errorf("%q", got)
	}
	if got := c.ok("scan", "--hex", "--prefix", "00"); got != "\\x00\\xff\\x10\tbytes\n" {
		t.Errorf("%q", got)
	}
	if got := c.ok("rank", "--hex", "00ff11"); got != "1\n" {
		t.Errorf("%q", got)
	}
	c.ok("del", "--hex", "00ff10")
	c.fails(exitNo, "\\x00\\xff\\x10", "get", "--hex", "00ff10")
}

// The option, the variable and the default name the same store.
func TestWhichStore(t *testing.T) {
	c := newStore(t)
	c.ok("put", "a", "1")
	cmd := c.command(t.Context(), "get", "a")
	cmd.Dir = os.TempDir()
	cmd.Env = append(os.Environ(), "PROLLY_STORE="+filepath.Join(c.dir, defaultStore))
	if out, err := cmd.Output(); err != nil || string(out) != "1" {
		t.Errorf("%q, %v", out, err)
	}
	if got := c.ok("get", "a", "--store", filepath.Join(c.dir, defaultStore)); got != "1" {
		t.Errorf("%q", got)
	}
}
