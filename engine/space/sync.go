package space

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Sync answers a client's replica of a space: PROTOCOL section 5. The error is
// about the request as a whole; whatever is wrong with an entry or an invocation
// is in the answer or in a receipt.
func (s *Service) sync(ctx context.Context, id did.DID, car *carBlocks) (*answer, []ipld.Block, error) {
	req, err := decode[request](car.byName[car.root], "Request", 2*s.o.Limits.RequestBytes)
	if err != nil {
		return nil, nil, err
	}
	agent, err := s.maySync(ctx, id, &req, car)
	if err != nil {
		return nil, nil, err
	}
	unlock, err := s.syncing.lock(ctx, id.String())
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	b, err := s.newHome(ctx, BranchName(id))
	if err != nil {
		return nil, nil, err
	}
	y := &syncing{s: s, id: id, agent: agent, b: b, req: &req, car: car}
	defer y.close()
	return y.do(ctx)
}

// maySync checks the invocation that a request came with, and tells whose it is.
func (s *Service) maySync(ctx context.Context, id did.DID, req *request, car *carBlocks) (agent did.DID, err error) {
	j, err := s.newJob(ctx, req.Ucan, car.get)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, auth.ErrMissing) || errors.Is(err, auth.ErrMalformed) || errors.Is(err, auth.ErrBudget) {
		return agent, fmt.Errorf("%w: authorization: %v", ErrMalformed, err)
	}
	if err != nil {
		return agent, err
	}
	if _, err := s.auth.Access(ctx, j.chain); err != nil {
		return agent, err
	}
	if j.cap.Can != abilitySync || j.cap.With != id.String() || req.Space != id.String() {
		return agent, denied(auth.Unauthorized, "the invocation is not of %s of %v", abilitySync, id)
	}
	var head cid.Cid
	if j.cap.Nb != nil {
		if n, err := j.cap.Nb.LookupByString("head"); err == nil {
			if l, err := n.AsLink(); err == nil {
				head, _ = cidOf(l)
			}
		}
	}
	if !head.Equals(req.Head) {
		return agent, denied(auth.Unauthorized, "the invocation is for another head")
	}
	return j.chain.Issuer(), nil
}

// syncing is one sync under way.
type syncing struct {
	s     *Service
	id    did.DID
	agent did.DID
	b     *engine.Branch
	req   *request
	car   *carBlocks
	ans   answer

	opened []*engine.Snapshot
}

func (y *syncing) close() {
	for _, o := range y.opened {
		o.Close()
	}
}

func (y *syncing) snapshot(ctx context.Context) (prolly.Tree, error) {
	o, err := y.b.Snapshot(ctx)
	if err != nil {
		return prolly.Tree{}, err
	}
	y.opened = append(y.opened, o)
	return o.Tree(), nil
}

// base is the tree that the client calls the last common one. ErrUnknownBase.
func (y *syncing) base(ctx context.Context, ours prolly.Tree) (prolly.Tree, error) {
	if y.req.Base == nil {
		return prolly.Empty(y.s.e.Nodes()), nil
	}
	if y.req.Base.Equals(ours.Root()) {
		return ours, nil
	}
	o, err := y.s.e.Tree(ctx, *y.req.Base)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrNoCommit) || errors.Is(err, engine.ErrCorrupt) {
		return prolly.Tree{}, ErrUnknownBase
	}
	if err != nil {
		return prolly.Tree{}, err
	}
	y.opened = append(y.opened, o)
	return o.Tree(), nil
}

// theirs is the client's tree, which must have the root that it says.
func (y *syncing) theirs(ctx context.Context, base prolly.Tree) (prolly.Tree, error) {
	t := base
	if len(y.req.Changes) > 0 {
		var err error
		if t, err = applied(ctx, y.s.e.Nodes(), base, y.req.Changes); err != nil {
			return t, err
		}
	}
	if !t.Root().Equals(y.req.Head) {
		return t, fmt.Errorf("%w: the changes lead to %v, not to %v", ErrNotVerified, t.Root(), y.req.Head)
	}
	return t, nil
}

func (y *syncing) do(ctx context.Context) (*answer, []ipld.Block, error) {
	ours, err := y.snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	y.ans.Root = ours.Root()
	if len(y.req.Changes) > maxChanges {
		return nil, nil, fmt.Errorf("%w: %d changes", ErrTooLarge, len(y.req.Changes))
	}
	for _, c := range y.req.Changes {
		if err := prolly.CheckEdit(c.edit()); err != nil {
			return nil, nil, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
	}
	base, err := y.base(ctx, ours)
	var theirs prolly.Tree
	if err == nil {
		theirs, err = y.theirs(ctx, base)
	}
	if y.req.Base != nil && (errors.Is(err, ErrUnknownBase) || errors.Is(err, engine.ErrMissing)) {
		y.ans.Rebase = true // half of it may have been collected as garbage
		return &y.ans, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !y.req.Final {
		if y.ans.Need, err = missing(ctx, y.s.e, y.req.Changes, y.car.byName); err != nil || len(y.ans.Need) > 0 {
			return &y.ans, nil, err
		}
	}
	var m *merged
	err = side(ctx, y.b, func(index *engine.Root) error {
		m, err = merge(ctx, y.s.e.Nodes(), base, ours, theirs, y.req.Changes, index)
		return err
	})
	if err == nil {
		err = y.room(ours, m)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := y.keepLinked(ctx, m); err != nil {
		return nil, nil, err
	}
	if err := y.queue(ctx, ours, m); err != nil {
		return nil, nil, err
	}
	if err := y.settle(ctx, m); err != nil {
		return nil, nil, err
	}
	return y.answer(ctx, theirs, m)
}

// keepLinked stores the blocks that the accepted changes link to.
func (y *syncing) keepLinked(ctx context.Context, m *merged) error {
	for _, e := range m.edits {
		if b, ok := y.car.byName[e.Value.Link]; ok && !e.Delete {
			if err := y.s.e.PutBlock(ctx, e.Value.Link, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// queue runs what stands in the queue for this service, in key order, until
// nothing waits that could run.
func (y *syncing) queue(ctx context.Context, ours prolly.Tree, m *merged) error {
	waiting, err := y.queued(ctx, ours, m)
	if err != nil {
		return err
	}
	for progress := true; progress && len(waiting) > 0; {
		progress = false
		rest := waiting[:0]
		for _, q := range waiting {
			again, err := y.runQueued(ctx, q, m)
			if err != nil {
				return err
			}
			if again {
				rest = append(rest, q)
			} else {
				progress = true
			}
		}
		waiting = rest
	}
	return nil
}

// errFull: a space has as much as it may.
var errFull = fmt.Errorf("%w: the space is full", ErrTooLarge)

// room makes sure that there is room for what the client adds.
func (y *syncing) room(ours prolly.Tree, m *merged) error {
	grown := uint64(0)
	for _, e := range m.edits {
		if !e.Delete {
			grown += uint64(len(e.Key)+len(e.Value.Bytes)) + linkRoom
		}
	}
	if most := y.s.o.Limits.TreeBytes; grown > 0 && ours.Bytes()+grown > most {
		return fmt.Errorf("%w: its entries may have %d bytes", errFull, most)
	}
	return nil
}

// linkRoom is what an entry counts at least.
const linkRoom = 64

// maxWaiting is how many entries of the queue that did not come with the request
// are looked at in one sync. Of more, for others perhaps or no invocations at all,
// each sync looks at some.
const maxWaiting = 4096

// waitingIn lists what waits in the queue of a tree, as far as it is looked at.
func waitingIn(ctx context.Context, t prolly.Tree) (out []prolly.Entry, err error) {
	add := func(r prolly.Range) error {
		r.Prefix = []byte(PrefixQueue)
		for e, err := range t.Range(ctx, r) {
			if err != nil {
				return err
			}
			out = append(out, e.Clone())
		}
		return nil
	}
	if err = add(prolly.Range{Limit: maxWaiting + 1}); err != nil || len(out) <= maxWaiting {
		return out, err
	}
	out = out[:0]
	from := PrefixQueue + "bafyrei" + strings.ToLower(rand.Text()) // as the CIDs of invocations begin
	if err = add(prolly.Range{From: []byte(from), Limit: maxWaiting}); err == nil && len(out) < maxWaiting {
		err = add(prolly.Range{Limit: maxWaiting - len(out)})
	}
	return out, err
}

// queued lists the entries of the queue as it will be, in key order.
func (y *syncing) queued(ctx context.Context, ours prolly.Tree, m *merged) ([]prolly.Entry, error) {
	waiting, err := waitingIn(ctx, ours)
	if err != nil {
		return nil, err
	}
	for _, e := range waiting {
		if _, changed := m.edits[string(e.Key)]; !changed {
			m.add(prolly.Edit{Key: e.Key, Value: e.Value})
		}
	}
	var out []prolly.Entry
	for _, k := range m.order {
		if e := m.edits[k]; !e.Delete && strings.HasPrefix(k, PrefixQueue) {
			out = append(out, prolly.Entry{Key: e.Key, Value: e.Value})
		}
	}
	sortEntries(out)
	return out, nil
}

// runQueued runs one entry of the queue and moves it. It stays when it waits for
// another (true), is for someone else, or is no invocation.
func (y *syncing) runQueued(ctx context.Context, q prolly.Entry, m *merged) (again bool, err error) {
	c := q.Value.Link
	refuse := func(reason string) {
		m.refused = append(m.refused, wireRefusal{Key: q.Key, Reason: reason})
	}
	if !c.Defined() || PrefixQueue+c.String() != string(q.Key) {
		refuse("not a link to what the key names")
		return false, nil
	}
	source := func(ctx context.Context, c cid.Cid) ([]byte, error) {
		if b, err := y.car.get(ctx, c); err == nil {
			return b, nil
		}
		return y.s.e.ReadBlock(ctx, c)
	}
	j, err := y.s.newJob(ctx, c, source)
	if errors.Is(err, auth.ErrMalformed) || errors.Is(err, auth.ErrMissing) || errors.Is(err, auth.ErrBudget) {
		refuse(err.Error())
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if j.chain.Audience() != y.s.me.DID() {
		return false, nil
	}
	j.queued, j.via = true, y.id
	var receipt cid.Cid // it may be about another space, and this one have the answer
	err = side(ctx, y.b, func(r *engine.Root) error {
		receipt, err = getLink(ctx, r, sideReceipt+c.String())
		return err
	})
	if err == nil && !receipt.Defined() {
		receipt, err = y.s.run(ctx, j)
	}
	if errors.Is(err, errAwaiting) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	y.ans.Ran++
	m.add(prolly.Edit{Key: q.Key, Delete: true})
	m.add(putLink(PrefixRun+c.String(), c))
	m.add(putLink(PrefixReceipt+c.String(), receipt))
	m.index = append(m.index, putLink(sideReceipt+c.String(), receipt), putLink(sideBlock+c.String(), c))
	return false, nil
}

// settle makes the tree what it has become, and durable, with all that was run.
func (y *syncing) settle(ctx context.Context, m *merged) error {
	var changed bool
	err := y.b.Update(ctx, func(u *engine.Update) error {
		edits, err := m.list(ctx, u.Tree())
		if err != nil || len(edits) == 0 {
			return err
		}
		changed = true
		return errors.Join(u.Tree().Apply(ctx, edits), u.Side().Apply(ctx, m.index))
	}, engine.NoSync)
	if err != nil {
		return err
	}
	if !changed && y.ans.Ran == 0 && y.b.Staged() == 0 {
		y.s.n.unchanged.Add(1)
		return nil
	}
	if _, err := y.b.Commit(ctx, engine.CommitOptions{Message: "sync", Durability: engine.NoSync}); err != nil {
		return err
	}
	return y.b.Sync(ctx)
}
