package codec

import (
	cid "github.com/ipfs/go-cid"
)

// ChunkList tells where the bytes of a value stand that is longer than one
// block may be: [total, [length...], [link...]] in CBOR.
//
// The items are chunks, that is raw blocks; or, when there are more than
// MaxChunks of these, chunk lists again. Of such a list only the last item may
// be a chunk: a lone one left over is not wrapped into a list of its own.
type ChunkList struct {
	Total   uint64    // bytes of the value, or of the part of it below
	Lengths []uint64  // bytes below each item
	Links   []cid.Cid // of each item
}

// listFields is the number of items of a chunk list's array.
const listFields = 3

// Append appends the block of l to dst. Whether l keeps to the limits is for
// the caller to know.
func (l ChunkList) Append(dst []byte) []byte {
	dst = appendHead(dst, majorArray, listFields)
	dst = appendHead(dst, majorUint, l.Total)
	dst = appendHead(dst, majorArray, uint64(len(l.Lengths)))
	for _, n := range l.Lengths {
		dst = appendHead(dst, majorUint, n)
	}
	dst = appendHead(dst, majorArray, uint64(len(l.Links)))
	for _, c := range l.Links {
		dst = appendCID(dst, c)
	}
	return dst
}

// ParseChunkList checks the block of a chunk list against every rule that can
// be checked without another block and without the value's bytes. The result
// shares nothing with the block. What is wrong is a *DecodeError.
func ParseChunkList(block []byte) (ChunkList, error) {
	r := reader{block: block}
	var l ChunkList
	if len(block) > MaxChunkList {
		r.fail(0, "block", ErrTooLarge)
	}
	if r.head(majorArray, "block") != listFields {
		r.fail(0, "block", ErrSyntax)
	}
	at := r.off
	l.Total = r.uint(MaxSum, "total")
	if sum := l.readLengths(&r); sum != l.Total {
		r.fail(at, "total", ErrStats)
	}
	l.readLinks(&r)
	r.end()
	if r.err != nil {
		return ChunkList{}, r.err
	}
	return l, nil
}

// readLengths returns the sum of the lengths.
func (l *ChunkList) readLengths(r *reader) (sum uint64) {
	at := r.off
	n := r.head(majorArray, "lengths")
	switch {
	case n > MaxChunks:
		r.fail(at, "lengths", ErrTooLarge)
	case n < 2:
		r.fail(at, "lengths", ErrTooFew)
	case int(n)*(1+linkSize) > len(r.block)-r.off:
		r.fail(at, "lengths", ErrSyntax) // the block ends before its links do
	}
	if r.err != nil {
		return 0
	}
	l.Lengths = make([]uint64, n)
	for i := range l.Lengths {
		at := r.off
		v := r.uint(MaxSum, "lengths")
		if v == 0 {
			r.fail(at, "lengths", ErrStats)
		}
		l.Lengths[i] = v
		sum += v
	}
	return sum
}

func (l *ChunkList) readLinks(r *reader) {
	at := r.off
	if n := r.head(majorArray, "links"); n != uint64(len(l.Lengths)) {
		r.fail(at, "links", ErrLink)
	}
	if r.err != nil {
		return
	}
	l.Links = make([]cid.Cid, len(l.Lengths))
	lists := isLink(r.block[r.off:], cid.DagCBOR)
	for i := range l.Links {
		l.Links[i] = l.readLink(r, i, lists)
		if r.err != nil {
			return
		}
	}
}

// readLink reads the i-th link, to a chunk list or a chunk.
func (l *ChunkList) readLink(r *reader, i int, lists bool) cid.Cid {
	at := r.off
	_, to := r.link("links")
	if r.err != nil {
		return cid.Undef
	}
	link := r.block[at:to]
	switch {
	case lists && isLink(link, cid.DagCBOR):
		return makeCID(cid.DagCBOR, Hash(link[linkSize-HashSize:]))
	case isLink(link, cid.Raw) && (!lists || i == len(l.Links)-1):
		if l.Lengths[i] > MaxBlob {
			r.fail(at, "links", ErrTooLarge)
		}
		return makeCID(cid.Raw, Hash(link[linkSize-HashSize:]))
	}
	r.fail(at, "links", ErrLink)
	return cid.Undef
}
