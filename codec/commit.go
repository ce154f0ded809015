package codec

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	cid "github.com/ipfs/go-cid"
)

// Commit is a record in a branch's log: a root, and what it grew out of. Its
// block is a map in canonical DAG-CBOR (FORMAT.md, section 5).
type Commit struct {
	Seq     uint64            // 1 without parents, else one more than the largest of theirs
	Root    cid.Cid           // of the tree: CIDv1, dag-cbor, sha2-256
	Time    int64             // Unix milliseconds
	Parents []cid.Cid         // of commits, as Root; the first is the branch's own line
	Meta    map[string][]byte // what the writer wants to say; keys are UTF-8
}

// commitVersion is the "v" of every commit.
const commitVersion = 1

// commitFields is the number of entries of a commit's map.
const commitFields = 6

// Encode returns the block of c. A commit that ParseCommit would refuse is an
// error, which wraps the same sentinel.
func (c Commit) Encode() ([]byte, error) {
	b := appendHead(nil, majorMap, commitFields)
	b = appendHead(appendText(b, "v"), majorUint, commitVersion)
	b = appendHead(appendText(b, "seq"), majorUint, c.Seq)
	b = appendMeta(appendText(b, "meta"), c.Meta)
	b = appendCID(appendText(b, "root"), c.Root)
	b = appendInt(appendText(b, "time"), c.Time)
	b = appendHead(appendText(b, "parents"), majorArray, uint64(len(c.Parents)))
	for _, p := range c.Parents {
		b = appendCID(b, p)
	}
	if _, err := ParseCommit(b); err != nil {
		return nil, fmt.Errorf("codec: commit breaks a rule: %w", err)
	}
	return b, nil
}

func appendMeta(dst []byte, meta map[string][]byte) []byte {
	dst = appendHead(dst, majorMap, uint64(len(meta)))
	for _, k := range slices.SortedFunc(maps.Keys(meta), compareMapKeys) {
		dst = appendBytes(appendText(dst, k), meta[k])
	}
	return dst
}

// compareMapKeys is the order of keys in DAG-CBOR: the shorter first, and by
// bytes when they are of one length.
func compareMapKeys(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// ParseCommit checks the block of a commit against every rule that can be
// checked without another block. The result shares nothing with the block;
// Meta and Parents are nil when they are empty. What is wrong is a
// *DecodeError.
func ParseCommit(block []byte) (Commit, error) {
	r := reader{block: block}
	c := Commit{}
	if len(block) > MaxCommit {
		r.fail(0, "block", ErrTooLarge)
	}
	c.read(&r)
	r.end()
	if r.err != nil {
		return Commit{}, r.err
	}
	return c, nil
}

func (c *Commit) read(r *reader) {
	fields := r.head(majorMap, "block")
	r.key("v")
	at := r.off
	if r.head(majorUint, "v") != commitVersion {
		r.fail(at, "v", ErrVersion)
	}
	if fields != commitFields {
		r.fail(0, "block", ErrSyntax)
	}
	r.key("seq")
	seqAt := r.off
	c.Seq = r.uint(math.MaxInt64, "seq")
	r.key("meta")
	c.readMeta(r)
	r.key("root")
	if h := r.hashLink("root"); r.err == nil {
		c.Root = h.CID()
	}
	r.key("time")
	c.Time = r.int("time")
	r.key("parents")
	c.readParents(r)
	if len(c.Parents) == 0 && c.Seq != 1 || len(c.Parents) > 0 && c.Seq < 2 {
		r.fail(seqAt, "seq", ErrStats)
	}
}

func (c *Commit) readMeta(r *reader) {
	at := r.off
	n := r.head(majorMap, "meta")
	if n > MaxMeta {
		r.fail(at, "meta", ErrTooLarge)
	}
	if r.err != nil || n == 0 {
		return
	}
	c.Meta = make(map[string][]byte)
	last := ""
	for i := range n {
		at := r.off
		from, to := r.span(majorText, "meta")
		key := string(r.block[from:to])
		if !utf8.ValidString(key) {
			r.fail(at, "meta", ErrKey)
		}
		if i > 0 && compareMapKeys(last, key) >= 0 {
			r.fail(at, "meta", ErrOrder)
		}
		from, to = r.bytes("meta")
		if r.err != nil {
			return
		}
		c.Meta[key] = append([]byte{}, r.block[from:to]...)
		last = key
	}
}

func (c *Commit) readParents(r *reader) {
	at := r.off
	n := r.head(majorArray, "parents")
	if n > MaxParents {
		r.fail(at, "parents", ErrTooLarge)
	}
	if r.err != nil || n == 0 {
		return
	}
	first := r.off
	for range n {
		at := r.off
		h := r.hashLink("parents")
		if r.err != nil {
			return
		}
		for i := first; i < at; i += linkSize {
			if bytes.Equal(r.block[i:i+linkSize], r.block[at:r.off]) {
				r.fail(at, "parents", ErrLink)
				return
			}
		}
		c.Parents = append(c.Parents, h.CID())
	}
}
