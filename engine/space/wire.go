package space

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"iter"

	cid "github.com/ipfs/go-cid"
	ipldprime "github.com/ipld/go-ipld-prime"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/bindnode"
	"github.com/ipld/go-ipld-prime/schema"
	varint "github.com/multiformats/go-varint"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// A sync is one HTTP request and its answer, each a CARv1 whose root is a
// request or an answer in DAG-CBOR, followed by the blocks that the changes
// link to.

//go:embed wire.ipldsch
var wireSchema []byte

var wireTypes = func() *schema.TypeSystem {
	ts, err := ipldprime.LoadSchemaBytes(wireSchema)
	if err != nil {
		panic(err)
	}
	return ts
}()

// wireValue is a value on the wire: bytes, or a link, or neither for no value.
type wireValue struct {
	Bytes *[]byte
	Link  *cid.Cid
}

type wireChange struct {
	Key []byte
	To  wireValue
}

type request struct {
	Space   string
	Base    *cid.Cid // the last common root
	Head    cid.Cid
	Ucan    cid.Cid // an invocation of space/sync
	Final   bool    // what blocks do not come with it are not to be had
	Changes []wireChange
}

type answer struct {
	Root      cid.Cid // that the changes lead to
	Entries   uint64
	Need      []cid.Cid // blocks wanted before anything is done
	Rebase    bool      // the base is not known: everything is wanted
	Ran       uint64    // invocations run
	Refused   []wireRefusal
	Conflicts []wireConflict
	Changes   []wireChange // from the request's head to Root
	More      bool         // Root is on the way: the rest is the answer to the next sync, from there
}

type wireRefusal struct {
	Key    []byte
	Reason string
}

type wireConflict struct {
	Key                []byte
	Base, Ours, Theirs wireValue
}

// encode writes a request or an answer.
func encode[T any](v *T, name string) (b []byte, err error) {
	defer recovered(&err)
	return ipldprime.Marshal(dagcbor.Encode, v, wireTypes.TypeByName(name))
}

// maxItems is how many values a request or an answer may have within it: a change
// is seven at most, and each takes far more memory than bytes on the wire.
const maxItems = 8 * maxChanges

// decode reads what encode wrote. How much there is is counted first.
func decode[T any](b []byte, name string, budget int64) (v T, err error) {
	defer recovered(&err)
	if err := codec.CheckDAGCBOR(b, 16, maxItems); errors.Is(err, codec.ErrTooLarge) {
		return v, fmt.Errorf("%w: %s: more than %d values", ErrTooLarge, name, maxItems)
	} else if err != nil {
		return v, fmt.Errorf("%w: %s: %v", ErrMalformed, name, err)
	}
	o := dagcbor.DecodeOptions{AllowLinks: true, AllocationBudget: budget, MaxDepth: 16}
	nb := bindnode.Prototype(&v, wireTypes.TypeByName(name)).Representation().NewBuilder()
	if err := o.Decode(nb, bytes.NewReader(b)); err != nil {
		return v, fmt.Errorf("%w: %s: %v", ErrMalformed, name, err)
	}
	return *bindnode.Unwrap(nb.Build()).(*T), nil
}

// recovered turns a panic of the binding, which some malformed input causes,
// into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrMalformed, r)
	}
}

// toWire returns a value as it travels: with its bytes, wherever they stand.
func toWire(ctx context.Context, ns prolly.NodeStore, v *prolly.Value) (wireValue, error) {
	switch {
	case v == nil:
		return wireValue{}, nil
	case v.Kind() == codec.Link:
		return wireValue{Link: &v.Link}, nil
	case v.Kind() == codec.Inline:
		b := bytes.Clone(v.Bytes)
		if b == nil {
			b = []byte{}
		}
		return wireValue{Bytes: &b}, nil
	case v.Size > maxValue:
		return wireValue{}, fmt.Errorf("%w: value of %d bytes", ErrTooLarge, v.Size)
	}
	r, err := prolly.OpenBlob(ctx, ns, v.Blob().Bytes(), v.Size)
	if err != nil {
		return wireValue{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return wireValue{Bytes: &b}, err
}

// edit is what the change does to a tree.
func (c wireChange) edit() prolly.Edit {
	e := prolly.Edit{Key: c.Key}
	switch {
	case c.To.Bytes != nil:
		e.Value.Bytes = *c.To.Bytes
	case c.To.Link != nil:
		e.Value.Link = *c.To.Link
	default:
		e.Delete = true
	}
	return e
}

func editsOf(changes []wireChange) []prolly.Edit {
	out := make([]prolly.Edit, len(changes))
	for i, c := range changes {
		out[i] = c.edit()
	}
	return out
}

// Bounds of a sync.
const (
	maxValue   = 4 << 20
	maxChanges = 250_000
	maxRequest = 64 << 20
	maxAnswer  = 256 << 20

	maxConflicts = 16 << 20 // bytes of values that were there, in the conflicts of one answer
)

// size is about what the change takes on the wire, in bytes.
func (c wireChange) size() int { return len(c.Key) + 48 + c.To.size() }

// size is how many bytes the value has.
func (v wireValue) size() int {
	if v.Bytes == nil {
		return 0
	}
	return len(*v.Bytes)
}

// wireDiff yields the difference between two trees as it travels.
func wireDiff(ctx context.Context, ns prolly.NodeStore, from, to prolly.Tree) iter.Seq2[wireChange, error] {
	return func(yield func(wireChange, error) bool) {
		for c, err := range prolly.Diff(ctx, from, to, prolly.Range{}) {
			var v wireValue
			if err == nil {
				v, err = toWire(ctx, ns, c.To)
			}
			if err != nil {
				yield(wireChange{}, err)
				return
			}
			if v.Link != nil {
				l := *v.Link
				v.Link = &l
			}
			if !yield(wireChange{Key: bytes.Clone(c.Key), To: v}, nil) {
				return
			}
		}
	}
}

// writeCAR writes a CARv1 with one root, which is its first block.
func writeCAR(w io.Writer, root ipld.Block, blocks []ipld.Block) error {
	c, err := cidOf(root.Link())
	if err != nil {
		return err
	}
	bw := bufio.NewWriter(w)
	head := append([]byte("\xa2\x65roots\x81\xd8\x2a\x58"), byte(c.ByteLen()+1), 0)
	head = append(append(head, c.Bytes()...), "\x67version\x01"...)
	_, err = bw.Write(append(varint.ToUvarint(uint64(len(head))), head...))
	for _, b := range append([]ipld.Block{root}, blocks...) {
		if err != nil {
			return err
		}
		name, data := b.Link().Binary(), b.Bytes()
		if _, err = bw.Write(varint.ToUvarint(uint64(len(name) + len(data)))); err == nil {
			bw.WriteString(name)
			_, err = bw.Write(data)
		}
	}
	return errors.Join(err, bw.Flush())
}

// newBlock names a DAG-CBOR block.
func newBlock(b []byte) ipld.Block { return block.NewBlock(linkOf(codec.Sum(b).CID()), b) }

// carBlocks are the blocks of a CAR, verified, by name.
type carBlocks struct {
	root   cid.Cid
	order  []ipld.Block
	byName map[cid.Cid][]byte
}

// readCAR reads a CARv1 of at most so many bytes and blocks, every block
// verified.
func readCAR(r io.Reader, size int64, blocks int) (*carBlocks, error) {
	lr := &io.LimitedReader{R: r, N: size + 1}
	br := bufio.NewReader(lr)
	c := &carBlocks{byName: map[cid.Cid][]byte{}}
	section := func() ([]byte, error) {
		n, err := varint.ReadUvarint(br)
		if err != nil {
			return nil, err
		}
		if n > uint64(max(lr.N, 0))+uint64(br.Buffered()) {
			return nil, ErrTooLarge
		}
		// Grown as bytes come, so that a length alone costs nothing.
		var b bytes.Buffer
		if m, err := io.CopyN(&b, br, int64(n)); m < int64(n) {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		return b.Bytes(), nil
	}
	head, err := section()
	if errors.Is(err, ErrTooLarge) {
		return nil, fmt.Errorf("%w: CAR header", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: CAR header: %v", ErrMalformed, err)
	}
	if c.root, err = carRoot(head); err != nil {
		return nil, err
	}
	for {
		b, err := section()
		if err == io.EOF {
			break
		}
		if lr.N <= 0 || len(c.order) >= blocks || errors.Is(err, ErrTooLarge) {
			return nil, fmt.Errorf("%w: CAR of more than %d bytes or %d blocks", ErrTooLarge, size, blocks)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: CAR: %v", ErrMalformed, err)
		}
		n, name, err := cid.CidFromBytes(b)
		if err != nil {
			return nil, fmt.Errorf("%w: CAR: %v", ErrMalformed, err)
		}
		data := b[n:]
		if got, err := name.Prefix().Sum(data); err != nil || !got.Equals(name) {
			return nil, fmt.Errorf("%w: CAR: block %v has another hash", ErrMalformed, name)
		}
		if _, ok := c.byName[name]; !ok {
			c.order = append(c.order, block.NewBlock(linkOf(name), data))
			c.byName[name] = data
		}
	}
	if lr.N <= 0 {
		return nil, fmt.Errorf("%w: CAR of more than %d bytes", ErrTooLarge, size)
	}
	return c, nil
}

// carRoot reads the header of a CARv1 with one root.
func carRoot(head []byte) (cid.Cid, error) {
	n, err := decodeNode(head)
	if err != nil {
		return cid.Undef, fmt.Errorf("CAR header: %w", err)
	}
	v, err := n.LookupByString("version")
	if err == nil {
		var version int64
		if version, err = v.AsInt(); err == nil && version != 1 {
			err = fmt.Errorf("version %d", version)
		}
	}
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: CAR header: %v", ErrMalformed, err)
	}
	roots, err := n.LookupByString("roots")
	if err != nil || roots.Length() != 1 {
		return cid.Undef, fmt.Errorf("%w: CAR header: not one root", ErrMalformed)
	}
	first, err := roots.LookupByIndex(0)
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: CAR header: %v", ErrMalformed, err)
	}
	l, err := first.AsLink()
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: CAR header: %v", ErrMalformed, err)
	}
	return cidOf(l)
}

// get is a blockSource.
func (c *carBlocks) get(_ context.Context, name cid.Cid) ([]byte, error) {
	if b, ok := c.byName[name]; ok {
		return b, nil
	}
	return nil, engine.ErrMissing
}
