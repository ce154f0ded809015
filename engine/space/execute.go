package space

import (
	"context"
	"errors"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// job is an invocation that the service was asked to run.
type job struct {
	cid    cid.Cid
	chain  *auth.Chain
	cap    auth.Capability
	source blockSource // of the blocks that it came with, and of those stored

	home   *engine.Branch // whose state it changes; nil while there is none
	unlock func()         // called when the outcome stands, or there is none; may be nil
	queued bool           // it stands in the queue of a space, rather than in a message
	via    did.DID        // that space
}

// outcome is what a handler did, to be made true in one step.
type outcome struct {
	ok    ipld.Builder
	forks []cid.Cid     // effects of the receipt
	tasks []task        // done on the way
	keep  []ipld.Block  // blocks that receipts refer to
	side  []prolly.Edit // of the home's side tree
	own   []prolly.Edit // of the service's own, before the others
	tree  []prolly.Edit // of the home's tree
	blob  func(cid.Cid) // is told the receipt

	remember bool   // although it was refused
	after    func() // once all of it stands
}

// task is an invocation of the service's own and, when it is known, its receipt.
type task struct {
	inv     ipld.Block
	receipt *receipt.Receipt
}

func (t task) cid() cid.Cid { return mustCID(t.inv.Link()) }

// errAwaiting: the invocation waits for another's receipt.
var errAwaiting = errors.New("space: awaits another receipt")

// newJob screens an invocation.
func (s *Service) newJob(ctx context.Context, c cid.Cid, source blockSource) (*job, error) {
	chain, err := s.auth.Load(ctx, c, authSource(source))
	if err != nil {
		return nil, err
	}
	return &job{cid: c, chain: chain, source: source, cap: chain.Capabilities()[0]}, nil
}

// authSource translates the error of a missing block.
func authSource(read blockSource) auth.Source {
	return func(ctx context.Context, c cid.Cid) ([]byte, error) {
		b, err := read(ctx, c)
		if errors.Is(err, engine.ErrMissing) {
			err = auth.ErrMissing
		}
		return b, err
	}
}

// homeOf is the branch whose state an invocation changes: that of the space it
// is about, or the service's own. False when it is about a space that there
// cannot be.
func (j *job) homeOf() (name string, ok bool) {
	if !strings.HasPrefix(j.cap.Can, "space/") && !strings.HasPrefix(j.cap.Can, "upload/") {
		return serviceBranch, true
	}
	id, err := did.Parse(j.cap.With)
	if err != nil || !isSpace(id) {
		return "", false
	}
	return BranchName(id), true
}

// isSpace tells whether a space may have this DID: a did:key, of the kinds that
// are short enough to name a branch.
func isSpace(id did.DID) bool {
	return strings.HasPrefix(id.String(), did.KeyPrefix) && len(BranchName(id)) <= 200
}

// run runs an invocation unless it was run before, and returns its receipt.
// Whatever is wrong with the invocation is in the receipt (S4); an error is the
// service's own, or errAwaiting.
func (s *Service) run(ctx context.Context, j *job) (cid.Cid, error) {
	c, out, err := s.runOnce(ctx, j)
	if err == nil && out != nil && out.after != nil {
		out.after() // others need not wait for a mail
	}
	return c, err
}

// runOnce is run but for what comes after.
func (s *Service) runOnce(ctx context.Context, j *job) (cid.Cid, *outcome, error) {
	name, ok := j.homeOf()
	if !ok {
		c, err := s.finish(ctx, j, &outcome{}, denied(auth.InvocationCapability, "%.80s is no space", j.cap.With))
		return c, nil, err
	}
	defer func() {
		if j.unlock != nil {
			j.unlock()
		}
	}()
	allowed := s.validated(ctx, j, name)
	unlock, err := s.running.lock(ctx, name)
	if err != nil {
		return cid.Undef, nil, err
	}
	defer unlock()
	home, err := s.e.Lookup(ctx, name)
	if errors.Is(err, engine.ErrNoBranch) {
		home, err = nil, nil
	}
	if err != nil {
		return cid.Undef, nil, err
	}
	j.home = home
	if home != nil {
		var have cid.Cid
		err := side(ctx, home, func(r *engine.Root) error {
			have, err = getLink(ctx, r, sideReceipt+j.cid.String())
			return err
		})
		if err != nil || have.Defined() {
			s.n.replayed.Add(1)
			return have, nil, err
		}
	}
	if err := s.awaited(ctx, j); err != nil {
		return cid.Undef, nil, err
	}
	out, err := s.handle(ctx, j, name, allowed)
	var denied *auth.Denied
	if err != nil && !errors.As(err, &denied) {
		return cid.Undef, nil, err
	}
	if denied != nil {
		s.n.denied.Add(1)
	}
	if out == nil {
		out = &outcome{}
	}
	c, err := s.finish(ctx, j, out, denied)
	return c, out, err
}

// validated returns what tells whether an invocation is allowed. For what changes
// the service's own branch it is found out at once, before the lock is taken that
// all spaces share; otherwise only when it is asked.
func (s *Service) validated(ctx context.Context, j *job, home string) func() error {
	access := func() error {
		_, err := s.auth.Access(ctx, j.chain)
		return err
	}
	if home != serviceBranch {
		return access
	}
	err := access()
	return func() error { return err }
}

// handle authorizes and does it.
func (s *Service) handle(ctx context.Context, j *job, name string, allowed func() error) (*outcome, error) {
	if err := allowed(); err != nil {
		return nil, err
	}
	if j.home == nil {
		home, err := s.newHome(ctx, name)
		if err != nil {
			return nil, err
		}
		j.home = home
	}
	return s.handlers[j.cap.Can].run(ctx, j)
}

// newHome makes the branch of a space that the service did not know.
func (s *Service) newHome(ctx context.Context, name string) (*engine.Branch, error) {
	if b, err := s.e.Lookup(ctx, name); !errors.Is(err, engine.ErrNoBranch) {
		return b, err
	}
	if s.n.spaces.Load() >= int64(s.o.Limits.Spaces) {
		return nil, denied(auth.InsufficientStorage, "the service keeps as many spaces as it can")
	}
	b, err := s.e.Branch(ctx, name)
	if err == nil {
		s.n.spaces.Add(1)
	}
	return b, err
}

// finish signs the receipt and makes the outcome true, in one step (S2). What
// was refused without having been queued is not remembered: it changed nothing,
// and strangers would fill the disk.
func (s *Service) finish(ctx context.Context, j *job, out *outcome, refusal *auth.Denied) (cid.Cid, error) {
	r, err := s.issue(j.cid, out, refusal)
	if err != nil {
		return cid.Undef, err
	}
	root := r.CID()
	if refusal != nil && (!j.queued && !out.remember || j.home == nil) {
		return root, s.e.PutBlock(ctx, root, r.Bytes())
	}
	if out.blob != nil {
		out.blob(root)
	}
	out.tasks = append(out.tasks, task{inv: j.chain.Delegation().Root(), receipt: r})
	if err := s.settle(ctx, j.home, out); err != nil {
		return cid.Undef, err
	}
	s.n.ran.Add(1)
	return root, nil
}

// settle stores the blocks of an outcome and stages its edits of both trees in
// one step. They are durable with the next Sync.
func (s *Service) settle(ctx context.Context, home *engine.Branch, out *outcome) error {
	where := out.own
	for _, t := range out.tasks {
		inv := t.cid()
		out.keep = append(out.keep, t.inv)
		where = append(where, prolly.Edit{Key: []byte(sideRan + inv.String()), Value: prolly.Value{Bytes: []byte(home.Name())}})
		if home != s.own {
			out.tree = append(out.tree, putLink(PrefixRun+inv.String(), inv))
		}
		if t.receipt == nil {
			continue
		}
		root := t.receipt.CID()
		out.keep = append(out.keep, block.NewBlock(linkOf(root), t.receipt.Bytes()))
		out.side = append(out.side, putLink(sideReceipt+inv.String(), root))
		if home != s.own {
			out.tree = append(out.tree, putLink(PrefixReceipt+inv.String(), root))
		}
	}
	if err := putBlocks(ctx, s.e, out.keep); err != nil {
		return err
	}
	for _, b := range out.keep {
		c := mustCID(b.Link())
		out.side = append(out.side, putLink(sideBlock+c.String(), c))
	}
	write := func(b *engine.Branch, tree, side []prolly.Edit) error {
		return b.Update(ctx, func(u *engine.Update) error {
			return errors.Join(u.Tree().Apply(ctx, tree), u.Side().Apply(ctx, side))
		}, engine.NoSync)
	}
	if home == s.own {
		return write(s.own, nil, append(out.side, where...))
	}
	// Where to find a receipt is noted first, and who holds a blob: a note of what
	// is not there does no harm.
	if err := write(s.own, nil, where); err != nil {
		return err
	}
	return write(home, out.tree, out.side)
}

// awaited tells whether the receipts that an invocation waits for are there.
func (s *Service) awaited(ctx context.Context, j *job) error {
	for _, c := range awaits(j.cap.Nb, 0) {
		_, err := s.receiptOf(ctx, c)
		if errors.Is(err, engine.ErrNotFound) {
			return fmt.Errorf("%w: %v", errAwaiting, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// awaits lists what "ucan/await" in a value names.
func awaits(n datamodel.Node, depth int) (out []cid.Cid) {
	if n == nil || depth > 32 {
		return nil
	}
	switch n.Kind() {
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			k, v, err := it.Next()
			if err != nil {
				return out
			}
			if name, _ := k.AsString(); name == "ucan/await" {
				if c, ok := awaitLink(v); ok {
					out = append(out, c)
				}
				continue
			}
			out = append(out, awaits(v, depth+1)...)
		}
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			_, v, err := it.Next()
			if err != nil {
				return out
			}
			out = append(out, awaits(v, depth+1)...)
		}
	}
	return out
}

// awaitLink is the link in [selector, link].
func awaitLink(v datamodel.Node) (cid.Cid, bool) {
	if v.Kind() != datamodel.Kind_List || v.Length() != 2 {
		return cid.Undef, false
	}
	n, err := v.LookupByIndex(1)
	if err != nil {
		return cid.Undef, false
	}
	l, err := n.AsLink()
	if err != nil {
		return cid.Undef, false
	}
	c, err := cidOf(l)
	return c, err == nil
}

func denied(code, format string, args ...any) *auth.Denied {
	return &auth.Denied{Code: code, Text: fmt.Sprintf(format, args...)}
}
