package car

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// ImportOptions say what is accepted. The zero value is strict and good for
// files of any length.
type ImportOptions struct {
	// Shallow accepts a file without the older commits: history then begins
	// where it ends.
	Shallow bool

	// Replace lets a tree that comes without a commit take the place of what the
	// branch holds, as a step of its history. Otherwise it goes into an empty
	// branch only.
	Replace bool

	// Commit describes the commit that is made of such a tree; nil: none is.
	Commit *engine.CommitOptions

	MaxBlocks uint64 // of the file; 0: any number
	MaxBytes  uint64 // of all blocks and their names; 0: any number
	MaxBlock  int    // bytes of one block; 8 MiB when 0

	// Progress is called now and then with what was taken so far; nil: nobody.
	Progress func(Stats)
}

// defaultMaxBlock is also the most that go-car reads by default.
const defaultMaxBlock = 8 << 20

// Imported is what Import took, and where the branch stands now.
type Imported struct {
	Stats
	Tree  cid.Cid        // the branch's root
	Head  *engine.Commit // its last commit; nil when it has none
	Moved bool           // it stood elsewhere before
}

// Import takes a CAR file that holds a commit or a tree in the order of Export, and
// moves the branch to it, durably. What the file leaves out must be in the
// store. A commit must descend from the branch's last one, and the branch hold
// nothing that is not committed, or else the error is engine.ErrConflict; a
// commit that the branch descends from moves nothing. Whatever the error, the
// branch is as it was; blocks that were taken are garbage then.
//
// As with engine.Branch.Adopt nothing is collected meanwhile, and the branch
// neither folds nor commits.
func Import(ctx context.Context, b *engine.Branch, r io.Reader, o ImportOptions) (Imported, error) {
	m := &importer{ctx: ctx, e: b.Engine(), o: o, line: newLineage(b.Engine())}
	defer m.close()
	f, err := newReader(r, o.maxBlock(), o.budget())
	if err != nil {
		return Imported{}, err
	}
	m.f = f
	if err := m.known(b.Name()); err != nil {
		return Imported{}, err
	}
	var res Imported
	err = b.Adopt(ctx, func(a *engine.Adoption) error {
		m.a, m.ns = a, a.Nodes()
		t, c, err := m.run(f.root)
		if err != nil {
			return err
		}
		res, err = m.move(b, t, c)
		return err
	})
	if err != nil {
		return Imported{}, err
	}
	return res, nil
}

func (o *ImportOptions) maxBlock() int {
	if o.MaxBlock > 0 {
		return min(o.MaxBlock, 1<<30)
	}
	return defaultMaxBlock
}

func (o *ImportOptions) budget() budget {
	b := budget{o.MaxBlocks, o.MaxBytes}
	if b.blocks == 0 {
		b.blocks = math.MaxUint64
	}
	if b.bytes == 0 {
		b.bytes = math.MaxUint64
	}
	return b
}

type importer struct {
	ctx    context.Context
	e      *engine.Engine
	a      *engine.Adoption
	ns     prolly.NodeStore // of a
	o      ImportOptions
	f      *reader
	stats  Stats
	line   *lineage // of all branches and tags
	have   bases    // trees of them
	values recent   // blocks of them
	lists  recent   // of values that were cut as they must be
	key    []byte   // scratch
	pinned []*engine.Snapshot
}

func (m *importer) close() {
	for _, s := range m.pinned {
		_ = s.Close() // it never fails
	}
}

// maxBases is how many trees a file may leave nodes out of at no cost. Those of
// others are found too, but walked.
const maxBases = 8

// known notes what the store has for sure, the branch's own first.
func (m *importer) known(name string) error {
	list, err := m.e.Branches(m.ctx)
	if err != nil {
		return err
	}
	var refs, others []string
	for _, b := range list {
		if b.Name == name {
			refs = append(refs, name)
		} else {
			others = append(others, b.Name)
		}
	}
	tags, err := m.e.Tags(m.ctx)
	if err != nil {
		return err
	}
	for _, t := range tags {
		others = append(others, t.Name)
	}
	for _, ref := range append(refs, others...) {
		if err := m.knownRef(ref); err != nil {
			return err
		}
	}
	return nil
}

func (m *importer) knownRef(ref string) error {
	r, err := m.e.Resolve(m.ctx, ref)
	if errors.Is(err, engine.ErrUnknownRef) { // gone meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	if r.Commit != nil {
		m.line.add(*r.Commit)
	}
	if len(m.have) == maxBases {
		return nil
	}
	s, err := m.e.Tree(m.ctx, r.Root)
	if err != nil {
		return err
	}
	m.pinned = append(m.pinned, s)
	m.have = append(m.have, newBase(m.e.Nodes(), s.Tree()))
	return nil
}

// run takes the whole file and returns the tree it is about, and the commit if
// there is one.
func (m *importer) run(root cid.Cid) (t prolly.Tree, c *engine.Commit, err error) {
	m.stats.Root = root
	h, err := codec.HashOf(root)
	if err != nil {
		return t, nil, fmt.Errorf("%w: the root %v names no commit or tree", ErrFormat, root)
	}
	isCommit, err := m.isCommit(root)
	if err != nil {
		return t, nil, err
	}
	if isCommit {
		t, c, err = m.history(root)
	} else {
		t, err = m.tree(h, m.have)
	}
	if err != nil {
		return t, nil, err
	}
	return t, c, m.end()
}

// isCommit tells whether the root is a commit, by its block.
func (m *importer) isCommit(root cid.Cid) (bool, error) {
	if m.ahead(root) {
		if _, err := codec.ParseNode(m.f.block); err == nil {
			return false, nil
		}
		return true, nil // or nothing; then it does not parse
	}
	r, err := m.e.Resolve(m.ctx, root.String())
	if errors.Is(err, engine.ErrUnknownRef) || errors.Is(err, engine.ErrMissing) {
		return false, fmt.Errorf("%w: %v, the root", ErrIncomplete, root)
	}
	return r.Commit != nil, err
}

// end makes sure that nothing is left of the file.
func (m *importer) end() error {
	m.stats.Bytes = m.f.n
	if m.f.next.Defined() {
		return fmt.Errorf("%w: %v, before byte %d", ErrUnexpected, m.f.next, m.f.n)
	}
	return nil
}

// ahead tells whether c is the next block. What the file has is taken from it, be
// it here already or not.
func (m *importer) ahead(c cid.Cid) bool { return m.f.next == c }

// take passes the block ahead, which is called c and was verified. It is valid
// until the next one.
func (m *importer) take(count *uint64) error {
	*count++
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if m.o.Progress != nil && m.stats.blocks()%progressEvery == 0 {
		m.stats.Bytes = m.f.n
		m.o.Progress(m.stats)
	}
	return m.f.advance()
}

// missing is the error about a block that is not where it should be.
func (m *importer) missing(what string, c cid.Cid) error {
	if !m.f.next.Defined() {
		return fmt.Errorf("%w: %s %v; the file ends before it", ErrIncomplete, what, c)
	}
	return fmt.Errorf("%w: %s %v; the file goes on with %v", ErrIncomplete, what, c, m.f.next)
}
