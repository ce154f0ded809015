package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Loss is something that could not be read.
type Loss struct {
	Ref      string  // the branch or tag through which it was met
	Commit   cid.Cid // the commit whose tree it is in, or which is lost itself; cid.Undef: the branch as it is now
	Side     bool    // it is in the side tree
	From, To []byte  // the keys whose entries are lost, To excluded; both nil: no entry is, or all are
	Err      error
}

// Salvaged is what Salvage copied.
type Salvaged struct {
	Refs    int    // branches and tags
	Commits uint64 // of all branches, each counted once for each
	Same    uint64 // of these: those that are as they were, under the same CID
	Losses  uint64
	Mended  uint64   // inner nodes that were lost and made again from what stood below them
	Found   []string // branches made of leaves whose place is lost: see Salvage
}

// damaged is the ability of a store that was opened although it is damaged to tell
// in what it may differ from the one that was acknowledged, beside blocks that
// are missing; nil: in nothing.
type damaged interface{ Damage() error }

// metaSalvaged is where a commit that had to be made anew keeps the CID of the
// one that it stands for.
const metaSalvaged = "salvaged"

// Salvage copies everything readable from src, which is best opened by
// OpenDamaged, to dst, which should be empty, and reports what was lost. What is
// undamaged keeps its CID. A commit whose tree, or one of whose parents, is
// damaged is made anew with what is left, under Meta["salvaged"] its old CID. What
// was staged is folded.
//
// An inner node that is lost is made again from the leaves that were below it, if their
// hashes prove that they were. Leaves for which that does not succeed, because another
// that was beside them is lost too, are on no branch of the old names, for nobody knows of which
// version they were: they are put into new branches, found/1 and so on, each of which
// has at most one value of a key.
//
// An error means that it could not go on.
func Salvage(ctx context.Context, src, dst *Engine, report func(Loss)) (Salvaged, error) {
	s := &salvage{ctx: ctx, src: src, dst: dst, report: report, commits: map[cid.Cid]Commit{}}
	if d, ok := src.store.(damaged); ok && d.Damage() != nil {
		if err := s.lost(Loss{Err: d.Damage()}); err != nil {
			return s.done, err
		}
	}
	_ = src.openLagging(ctx) // which makes nodes again that were not written yet; what it could not is met below
	var refs []kv.Ref
	for ref, err := range src.store.ListRefs(ctx, "") {
		if err != nil {
			if err := s.lost(Loss{Err: storeError("list refs", err)}); err != nil {
				return s.done, err
			}
			break
		}
		refs = append(refs, ref)
	}
	s.refs = refs
	// Tags come last: what they name has mostly come with a branch.
	for _, prefix := range []string{branchPrefix, shallowPrefix, tagPrefix} {
		for _, ref := range refs {
			if !strings.HasPrefix(ref.Name, prefix) {
				continue
			}
			if err := s.ref(ref, prefix); err != nil {
				return s.done, fmt.Errorf("engine: salvage %q: %w", ref.Name, err)
			}
		}
	}
	if err := s.found(); err != nil {
		return s.done, fmt.Errorf("engine: salvage: %w", err)
	}
	_, err := dst.GC(ctx, GCOptions{}) // parts of trees that turned out to be damaged
	return s.done, err
}

// salvage is a Salvage under way.
type salvage struct {
	ctx      context.Context
	src, dst *Engine
	report   func(Loss)
	done     Salvaged
	at       Loss // where losses are met
	commits  map[cid.Cid]Commit
	refs     []kv.Ref
	mender   *mender // nil: nothing has had to be mended
}

// lost reports a loss, unless the error says that going on is of no use.
func (s *salvage) lost(l Loss) error {
	if errors.Is(l.Err, ErrClosed) || s.ctx.Err() != nil {
		return l.Err
	}
	s.done.Losses++
	s.report(l)
	return nil
}

// here is a loss at the place at hand.
func (s *salvage) here(from, to []byte, err error) error {
	l := s.at
	l.From, l.To, l.Err = from, to, err
	return s.lost(l)
}

func (s *salvage) ref(ref kv.Ref, prefix string) error {
	name := strings.TrimPrefix(ref.Name, prefix)
	s.at = Loss{Ref: name}
	switch prefix {
	case shallowPrefix:
		return s.shallow(name, ref.Value)
	case tagPrefix:
		c, err := parseTag(ref.Value)
		if err != nil {
			return s.here(nil, nil, err)
		}
		return s.tag(name, c)
	}
	s.done.Refs++
	b, err := s.dst.Branch(s.ctx, name)
	if err != nil {
		return err
	}
	r, err := parseBranchRef(ref.Value)
	if err != nil {
		return s.here(nil, nil, err)
	}
	if r.hasCommit {
		if err := s.history(b, r.commit.CID()); err != nil {
			return err
		}
	}
	s.at = Loss{Ref: name}
	return s.now(b, r)
}

// shallow copies the mark of a cut, if its commit is the same.
func (s *salvage) shallow(name string, raw []byte) error {
	c, err := cid.Decode(name)
	if err == nil {
		err = parseShallow(raw)
	}
	if err != nil {
		return s.here(nil, nil, err)
	}
	if made, ok := s.commits[c]; ok && made.CID == c {
		return s.dst.MarkShallow(s.ctx, c)
	}
	return nil
}

// tag sets a tag on what its commit or tree has become.
func (s *salvage) tag(name string, c cid.Cid) error {
	s.done.Refs++
	if made, ok := s.commits[c]; ok {
		return s.dst.Tag(s.ctx, name, made.CID)
	}
	const place = "salvage" // until the tag stands
	b, err := s.dst.Branch(s.ctx, place+"/"+name)
	if err != nil {
		return err
	}
	t, err := s.src.target(s.ctx, c)
	if err != nil {
		if mended, e := s.mend(); e != nil {
			return e
		} else if mended {
			t, err = s.src.target(s.ctx, c)
		}
	}
	switch {
	case err != nil:
		err = s.here(nil, nil, err)
	case t.commit != nil:
		if err = s.history(b, c); err == nil {
			err = s.dst.Tag(s.ctx, name, s.commits[c].CID)
		}
	default:
		err = s.adopt(b, func(a *Adoption, w *treeSalvage) error {
			tree, err := w.tree(t.tree)
			a.SetTree(tree)
			return err
		})
		var root cid.Cid
		if err == nil {
			root, err = b.Root(s.ctx)
		}
		if err == nil {
			err = s.dst.Tag(s.ctx, name, root)
		}
	}
	return errors.Join(err, s.dst.DeleteBranch(s.ctx, b.Name()))
}

func (s *salvage) adopt(b *Branch, f func(a *Adoption, w *treeSalvage) error) error {
	return b.Adopt(s.ctx, func(a *Adoption) error { return f(a, &treeSalvage{s: s, a: a}) })
}

// history copies a commit and what it descends from, oldest first, and makes it
// the branch's last one.
func (s *salvage) history(b *Branch, head cid.Cid) error {
	list, err := s.readable(head)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.adopt(b, func(a *Adoption, w *treeSalvage) error {
		var last Commit
		var tree prolly.Tree
		for _, c := range list {
			s.at.Commit = c.CID
			h, err := codec.HashOf(c.Root)
			if err != nil {
				return err
			}
			was, err := s.load(prolly.Addr{Hash: h})
			if err != nil {
				was = prolly.Empty(s.src.nodes)
				if err := s.here(nil, nil, err); err != nil {
					return err
				}
			}
			if tree, err = w.tree(was); err != nil {
				return err
			}
			if last, err = s.remake(a, c, tree.Root()); err != nil {
				return err
			}
			s.done.Commits++
			s.commits[c.CID] = last
		}
		a.SetTree(tree)
		return a.SetHead(last.CID)
	})
}

// load opens a tree, after mending what there is to mend if its root cannot be read.
func (s *salvage) load(a prolly.Addr) (prolly.Tree, error) {
	t, err := prolly.LoadAt(s.ctx, s.src.nodes, a)
	if err == nil {
		return t, nil
	}
	if mended, e := s.mend(); e != nil || !mended {
		return t, errors.Join(e, err)
	}
	return prolly.LoadAt(s.ctx, s.src.nodes, a)
}

// readable returns the commits that can be read, oldest first.
func (s *salvage) readable(head cid.Cid) (list []Commit, err error) {
	seen := map[cid.Cid]bool{head: true}
	for waiting := []cid.Cid{head}; len(waiting) > 0; {
		name := waiting[0]
		waiting = waiting[1:]
		c, err := s.src.ReadCommit(s.ctx, name)
		if err != nil {
			if _, _, e := s.src.shallow(s.ctx, name); e != nil {
				err = errors.Join(err, e)
			}
			s.at.Commit = name
			if err := s.here(nil, nil, err); err != nil {
				return nil, err
			}
			continue
		}
		list = append(list, c)
		marked, cut, _ := s.src.shallow(s.ctx, c.CID)
		for i, p := range c.Parents {
			if cut&(1<<i) != 0 || seen[p] {
				continue
			}
			if _, err := s.src.ReadCommit(s.ctx, p); marked && errors.Is(err, ErrMissing) {
				continue
			}
			seen[p] = true
			waiting = append(waiting, p)
		}
	}
	slices.SortStableFunc(list, func(a, b Commit) int { return newer(b, a) })
	return list, nil
}

// remake stores a commit of a tree: the same one, if nothing of it has changed.
func (s *salvage) remake(a *Adoption, was Commit, root cid.Cid) (Commit, error) {
	c := was.Commit
	same := root.Equals(was.Root)
	marked, cut, _ := s.src.shallow(s.ctx, was.CID)
	c.Parents = nil
	for i, p := range was.Parents {
		made, ok := s.commits[p]
		switch {
		case ok:
			same = same && made.CID.Equals(p)
			c.Parents = append(c.Parents, made.CID)
		case marked || cut&(1<<i) != 0:
			c.Parents = append(c.Parents, p) // it was cut off before
		default:
			same = false
		}
	}
	if same {
		s.done.Same++
		block, err := was.Encode()
		if err == nil {
			err = a.PutBlock(s.ctx, was.CID, block)
		}
		return was, err
	}
	c.Root, c.Seq = root, 1
	for _, p := range was.Parents {
		if made, ok := s.commits[p]; ok {
			c.Seq = max(c.Seq, made.Seq+1)
		}
	}
	meta := map[string][]byte{metaSalvaged: was.CID.Bytes()}
	for k, v := range was.Meta {
		meta[k] = v
	}
	c.Meta = meta
	block, err := c.Encode()
	if err != nil {
		return Commit{}, err
	}
	made := Commit{CID: codec.Sum(block).CID(), Commit: c}
	return made, a.PutBlock(s.ctx, made.CID, block)
}

// now copies the trees of a branch as they are, with what is staged over them.
func (s *salvage) now(b *Branch, r branchRef) error {
	addrs, folded := [roots]prolly.Addr{r.tree, r.side}, r.folded
	if r.behind != nil {
		_, err := s.src.Lookup(s.ctx, b.Name()) // which makes lost nodes again
		if err != nil {
			mended, e := s.mend()
			if e != nil {
				return e
			}
			if mended {
				_, err = s.src.Lookup(s.ctx, b.Name())
			}
		}
		if err != nil {
			addrs, folded = [roots]prolly.Addr{r.behind.tree, r.behind.side}, r.behind.folded
		}
	}
	edits, err := s.staged(b, folded)
	if err != nil {
		return err
	}
	return s.adopt(b, func(a *Adoption, w *treeSalvage) error {
		for i, addr := range addrs {
			s.at.Side = rootID(i) == theSide
			was, err := s.load(addr)
			tree := a.Tree() // of the last commit; what is staged goes on top, if nothing else is left
			if s.at.Side {
				tree = a.Side()
			}
			if err != nil {
				err = s.here(nil, nil, err)
			} else {
				tree, err = w.tree(was)
			}
			if err == nil {
				tree, err = w.apply(tree, edits[i])
			}
			if err != nil {
				return err
			}
			if s.at.Side {
				a.SetSide(tree)
			} else {
				a.SetTree(tree)
			}
		}
		return nil
	})
}

// staged reads what is staged. Records that are damaged or missing are reported; those
// behind them are taken all the same.
func (s *salvage) staged(b *Branch, after uint64) (edits [roots][]prolly.Edit, err error) {
	for rec, err := range s.src.store.ReadLog(s.ctx, b.ref, after) {
		if err != nil {
			return edits, s.here(nil, nil, err)
		}
		if rec.Seq != after+1 {
			err := fmt.Errorf("%w: staging record %d follows %d", ErrCorrupt, rec.Seq, after)
			if err := s.here(nil, nil, err); err != nil {
				return edits, err
			}
		}
		after = rec.Seq
		err = readRecord(rec.Seq, rec.Data, func(o op) error {
			e := prolly.Edit{Key: o.key, Delete: o.kind == opDelete}
			if !e.Delete {
				var err error
				if e.Value, err = o.kind.value(o.data); err != nil {
					return err
				}
			}
			edits[o.root] = append(edits[o.root], e)
			return nil
		})
		if err != nil {
			if err := s.here(nil, nil, err); err != nil {
				return edits, err
			}
		}
	}
	return edits, nil
}
