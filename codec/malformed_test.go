package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// malformed is a block that breaks one rule.
type malformed struct {
	kind  string // node, list or commit
	rule  string // which one, and how
	block []byte
	field string
	err   error
}

// sentinels are the errors that a DecodeError may wrap, by name.
var sentinels = map[string]error{
	"ErrVersion": ErrVersion, "ErrSyntax": ErrSyntax, "ErrTrailing": ErrTrailing, "ErrTooLarge": ErrTooLarge,
	"ErrTooFew": ErrTooFew, "ErrTable": ErrTable, "ErrKey": ErrKey, "ErrOrder": ErrOrder, "ErrPrefix": ErrPrefix,
	"ErrKind": ErrKind, "ErrLink": ErrLink, "ErrStats": ErrStats,
}

func malformedBlocks() (all []malformed) {
	for _, list := range [][]malformed{
		malformedHeads(), malformedKeys(), malformedValues(), malformedLinks(), malformedInners(),
		malformedLists(), malformedCommits(),
	} {
		all = append(all, list...)
	}
	return all
}

// C4: a block that breaks a rule is refused, for that reason.
func TestMalformed(t *testing.T) {
	seen := map[string]bool{}
	used := map[error]bool{}
	for _, m := range malformedBlocks() {
		name := m.kind + ": " + m.rule
		if seen[name] {
			t.Errorf("%s: there twice", name)
		}
		seen[name], used[m.err] = true, true
		_, err := decode(m.kind, m.block)
		var d *DecodeError
		if !errors.As(err, &d) || !errors.Is(err, m.err) || d.Field != m.field {
			t.Errorf("%s: %v, want %v in %s\n%x", name, err, m.err, m.field, m.block)
		}
	}
	for name, err := range sentinels {
		if !used[err] {
			t.Errorf("no block is refused with %s", name)
		}
	}
}

// Blocks over their limit are refused before anything in them is looked at.
func TestTooLargeIsRefusedUnread(t *testing.T) {
	for kind, limit := range map[string]int{"node": MaxNode, "list": MaxChunkList, "commit": MaxCommit} {
		var d *DecodeError
		_, err := decode(kind, make([]byte, limit+1))
		if !errors.As(err, &d) || *d != (DecodeError{0, "block", ErrTooLarge}) {
			t.Errorf("%s of %d bytes: %v", kind, limit+1, err)
		}
		if _, err := decode(kind, make([]byte, limit)); errors.Is(err, ErrTooLarge) {
			t.Errorf("%s of %d bytes: %v", kind, limit, err)
		}
	}
}

// rawNode has the fields of a node's array as they stand in the block, each
// free to be wrong.
type rawNode struct {
	head, version, level  []byte
	prefix, keyEnds, keys []byte
	kinds, valEnds, vals  []byte // of a leaf
	stats                 []byte // of an inner node
	linkCount             int
	links                 [][]byte // the CIDs
}

func (r *rawNode) block() []byte {
	b := bytes.Join([][]byte{r.head, r.version, r.level}, nil)
	fields := [][]byte{r.prefix, r.keyEnds, r.keys, r.kinds, r.valEnds, r.vals}
	if r.stats != nil {
		fields = append(fields[:3], r.stats)
	}
	for _, f := range fields {
		b = appendBytes(b, f)
	}
	b = appendHead(b, majorArray, uint64(r.linkCount))
	for _, c := range r.links {
		b = appendRawLink(b, c)
	}
	return b
}

func appendRawLink(b, c []byte) []byte {
	return appendBytes(append(b, 0xd8, tagLink), append([]byte{0}, c...))
}

// rawLeaf is a leaf of "ab", an inline value; "ac", a blob; "ad", a link.
func rawLeaf() *rawNode {
	return &rawNode{
		head: []byte{0x89}, version: []byte{1}, level: []byte{0},
		prefix: []byte("a"), keyEnds: u16s(1, 2, 3), keys: []byte("bcd"),
		kinds: []byte{0, 1, 2}, valEnds: u16s(1, 3, 3), vals: []byte{'v', 0x88, 0x27}, // 5000
		linkCount: 2, links: [][]byte{RawCID([]byte("blob")).Bytes(), fakeHash(1).CID().Bytes()},
	}
}

// rawInline is a leaf of "ab" and "ac" with values "v" and "w".
func rawInline() *rawNode {
	return &rawNode{
		head: []byte{0x89}, version: []byte{1}, level: []byte{0},
		prefix: []byte("a"), keyEnds: u16s(1, 2), keys: []byte("bc"),
		valEnds: u16s(1, 2), vals: []byte("vw"),
	}
}

// rawInner is an inner node of "ab" and "ac".
func rawInner() *rawNode {
	return &rawNode{
		head: []byte{0x87}, version: []byte{1}, level: []byte{1},
		prefix: []byte("a"), keyEnds: u16s(1, 2), keys: []byte("bc"),
		stats:     slicesOf(u48s(3, 100), u48s(4, 200)),
		linkCount: 2, links: [][]byte{fakeHash(1).CID().Bytes(), fakeHash(2).CID().Bytes()},
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func u16s(values ...uint16) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func u48s(values ...uint64) (b []byte) {
	for _, v := range values {
		b = append(b, 0, 0, 0, 0, 0, 0)
		putU48(b[len(b)-6:], v)
	}
	return b
}

// leb is v as LEB128.
func leb(v uint64) []byte {
	b := make([]byte, 10)
	return b[:putUvarint(b, v)]
}

func leafWith(rule, field string, err error, change func(*rawNode)) malformed {
	return nodeWith("leaf: "+rule, field, err, rawLeaf(), change)
}

func inlineWith(rule, field string, err error, change func(*rawNode)) malformed {
	return nodeWith("inline leaf: "+rule, field, err, rawInline(), change)
}

func innerWith(rule, field string, err error, change func(*rawNode)) malformed {
	return nodeWith("inner node: "+rule, field, err, rawInner(), change)
}

func nodeWith(rule, field string, err error, r *rawNode, change func(*rawNode)) malformed {
	change(r)
	return malformed{"node", rule, r.block(), field, err}
}

// replaced puts other bytes in the place of those that stand in a block once.
func replaced(block []byte, old, new string) []byte {
	if n := bytes.Count(block, []byte(old)); n != 1 {
		panic(fmt.Sprintf("%x stands %d times in %x", old, n, block))
	}
	return bytes.Replace(block, []byte(old), []byte(new), 1)
}

// The samples that rules are broken in break none.
func TestRawNodes(t *testing.T) {
	for name, r := range map[string]*rawNode{"leaf": rawLeaf(), "inline": rawInline(), "inner": rawInner()} {
		n := mustNode(t, r.block())
		if again := reencode(n); !bytes.Equal(again, r.block()) {
			t.Errorf("%s: %x, want %x", name, again, r.block())
		}
	}
}
