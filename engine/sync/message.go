package sync

import (
	"encoding/binary"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine/sync/riblt"
)

// Version is where a branch is: its last commit, cid.Undef when it has none, and
// its tree.
type Version struct {
	Commit  cid.Cid
	Root    cid.Cid
	Entries uint64 // in the tree
	Bytes   uint64 // of their keys and values
}

// name is what tells versions apart: the commit, or the root without one.
func (v Version) name() cid.Cid {
	if v.Commit.Defined() {
		return v.Commit
	}
	return v.Root
}

// status says what follows a head.
type status byte

const (
	statusSame  status = 1 // nothing: the other side has it all
	statusSteps status = 2 // steps from what both have
	statusBulk  status = 3 // one step from the empty tree
	statusApart status = 4 // the commit, and symbols: nothing is known in common
	statusPush  status = 5 // in a push: steps to this head
	statusForce status = 6 // in a push: steps to this head, whatever the branch loses by it
	lastStatus         = statusForce
)

// head is the payload of frameHead:
//
//	│ status │ flags: 1 has a commit │ [commit, 32 bytes] │ root, 32 bytes │ entries, LEB128 │ bytes, LEB128 │
type head struct {
	status  status
	version Version
}

const flagCommit = 1

func (h head) append(dst []byte) ([]byte, error) {
	var flags byte
	if h.version.Commit.Defined() {
		flags = flagCommit
	}
	dst = append(dst, byte(h.status), flags)
	if flags != 0 {
		var err error
		if dst, err = appendHash(dst, h.version.Commit); err != nil {
			return nil, err
		}
	}
	dst, err := appendHash(dst, h.version.Root)
	if err != nil {
		return nil, err
	}
	dst = binary.AppendUvarint(dst, h.version.Entries)
	return binary.AppendUvarint(dst, h.version.Bytes), nil
}

func appendHash(dst []byte, c cid.Cid) ([]byte, error) {
	h, err := codec.HashOf(c)
	return append(dst, h[:]...), err
}

func parseHead(b []byte) (h head, err error) {
	r := runReader{rest: b}
	s, err := r.take(2)
	if err != nil {
		return h, err
	}
	h.status = status(s[0])
	if s[0] == 0 || h.status > lastStatus || s[1]&^flagCommit != 0 {
		return h, malformed("a head with status %d, flags %#x", s[0], s[1])
	}
	if s[1] != 0 {
		if h.version.Commit, err = r.hash(); err != nil {
			return h, err
		}
	}
	if h.version.Root, err = r.hash(); err != nil {
		return h, err
	}
	if h.version.Entries, err = r.uvarint(); err != nil {
		return h, err
	}
	if h.version.Bytes, err = r.uvarint(); err != nil {
		return h, err
	}
	return h, r.done()
}

func (r *runReader) hash() (cid.Cid, error) {
	b, err := r.take(codec.HashSize)
	if err != nil {
		return cid.Undef, err
	}
	return codec.Hash(b).CID(), nil
}

func (r *runReader) u64() (uint64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// done makes sure that nothing is left.
func (r *runReader) done() error {
	if len(r.rest) != 0 {
		return malformed("%d bytes too many", len(r.rest))
	}
	return nil
}

// wireVersion begins every request.
const wireVersion = 1

// maxHaves is how many versions a client names that both sides may have.
const maxHaves = 64

// pullRequest asks for what a branch has beyond what the client names. With an
// estimate the server answers with symbols of its leaves when it knows none of
// that:
//
//	│ version 1 │ flags: 1 has an estimate, 2 shallow │ n, LEB128 │ n hashes of commits or roots │
//	then perhaps │ salt, 8 bytes LE │ estimator of the leaves │
//
// A shallow client has the trees of the commits that it names, and perhaps of
// none that these descend from.
type pullRequest struct {
	haves    []cid.Cid
	shallow  bool
	estimate bool
	salt     uint64
	leaves   riblt.Estimator
}

const (
	flagEstimate = 1
	flagShallow  = 2
)

func (p *pullRequest) append(dst []byte) ([]byte, error) {
	var flags byte
	if p.estimate {
		flags = flagEstimate
	}
	if p.shallow {
		flags |= flagShallow
	}
	dst = binary.AppendUvarint(append(dst, wireVersion, flags), uint64(len(p.haves)))
	for _, c := range p.haves {
		var err error
		if dst, err = appendHash(dst, c); err != nil {
			return nil, err
		}
	}
	if p.estimate {
		dst = p.leaves.Append(binary.LittleEndian.AppendUint64(dst, p.salt))
	}
	return dst, nil
}

// openRequest reads what all requests begin with; some flags may be set.
func openRequest(b []byte, may byte) (r runReader, flags byte, err error) {
	r = runReader{rest: b}
	s, err := r.take(2)
	if err != nil {
		return r, 0, err
	}
	if s[0] != wireVersion || s[1]&^may != 0 {
		return r, 0, malformed("a request of version %d with flags %#x", s[0], s[1])
	}
	return r, s[1], nil
}

func parsePull(b []byte) (p pullRequest, err error) {
	r, flags, err := openRequest(b, flagEstimate|flagShallow)
	if err != nil {
		return p, err
	}
	p.shallow = flags&flagShallow != 0
	n, err := r.uvarint()
	if err != nil {
		return p, err
	}
	if n > maxHaves {
		return p, malformed("%d versions named", n)
	}
	for range n {
		c, err := r.hash()
		if err != nil {
			return p, err
		}
		p.haves = append(p.haves, c)
	}
	if p.estimate = flags&flagEstimate != 0; p.estimate {
		if p.salt, err = r.u64(); err != nil {
			return p, err
		}
		if err := r.estimator(&p.leaves); err != nil {
			return p, err
		}
	}
	return p, r.done()
}

func (r *runReader) estimator(e *riblt.Estimator) (err error) {
	if *e, r.rest, err = riblt.ReadEstimator(r.rest); err != nil {
		return malformed("%v", err)
	}
	return nil
}

// rangeRequest asks for the edits of a step after a key:
//
//	│ version 1 │ flags: 1 has a base │ [base, 32 bytes] │ root, 32 bytes │ key, to the end │
type rangeRequest struct {
	base, root cid.Cid
	after      []byte
}

func (q rangeRequest) append(dst []byte) ([]byte, error) {
	return appendStep(append(dst, wireVersion), q.base, q.root, q.after)
}

func parseRange(b []byte) (q rangeRequest, err error) {
	r, flags, err := openRequest(b, 1)
	if err != nil {
		return q, err
	}
	if q.base = emptyRoot; flags == 1 {
		if q.base, err = r.hash(); err != nil {
			return q, err
		}
	}
	if q.root, err = r.hash(); err != nil {
		return q, err
	}
	if q.after = r.rest; len(q.after) > codec.MaxKey {
		return q, malformed("a key of %d bytes", len(q.after))
	}
	return q, nil
}

// historyRequest asks for the commits below one, without the first skip, at most
// limit:
//
//	│ version 1 │ 0 │ commit, 32 bytes │ skip, LEB128 │ limit, LEB128 │
type historyRequest struct {
	from        cid.Cid
	skip, limit uint64
}

func (q historyRequest) append(dst []byte) ([]byte, error) {
	dst, err := appendHash(append(dst, wireVersion, 0), q.from)
	return binary.AppendUvarint(binary.AppendUvarint(dst, q.skip), q.limit), err
}

func parseHistory(b []byte) (q historyRequest, err error) {
	r, _, err := openRequest(b, 0)
	if err != nil {
		return q, err
	}
	if q.from, err = r.hash(); err != nil {
		return q, err
	}
	if q.skip, err = r.uvarint(); err != nil {
		return q, err
	}
	if q.limit, err = r.uvarint(); err != nil {
		return q, err
	}
	return q, r.done()
}

// blocksRequest asks for blocks by their names:
//
//	│ version 1 │ 0 │ CIDs, each after its length in LEB128 │
func appendBlocks(dst []byte, names []cid.Cid) []byte {
	dst = append(dst, wireVersion, 0)
	for _, c := range names {
		dst = appendBytes(dst, c.Bytes())
	}
	return dst
}

func parseBlocks(b []byte) (names []cid.Cid, err error) {
	r, _, err := openRequest(b, 0)
	for err == nil && len(r.rest) > 0 {
		var raw []byte
		var c cid.Cid
		if raw, err = r.bytes(); err != nil {
			break
		}
		if c, err = parseCID(raw); err == nil {
			names = append(names, c)
		}
	}
	return names, err
}
