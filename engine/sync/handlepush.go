package sync

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// A push is
//
//	head: where the client takes the branch to be; no payload: it is not there
//	head: where it is to be, of status push, or force
//	steps
//
// and is answered with the head reached.

// drainBytes is how much of a push that is refused is still read, so that the
// client is done sending when it is answered.
const drainBytes = 16 << 20

// push moves a branch to what the client sends.
func (c *call) push() error {
	err := c.receivePush()
	if err != nil && !errors.Is(err, ErrSilent) {
		_, _ = io.Copy(io.Discard, io.LimitReader(c.body(), drainBytes)) // whatever comes is not looked at
	}
	return err
}

func (c *call) receivePush() error {
	if err := c.allow(OpWrite, cid.Undef); err != nil {
		return err
	}
	m := &meter{b: c.h.o.Budget}
	fr := newFrameReader(c.body(), m)
	expect, to, err := readPush(fr)
	if err != nil {
		return err
	}
	version := to.version
	if strings.HasPrefix(c.branch, hiddenPrefix) {
		return fmt.Errorf("%w: %q", engine.ErrBadName, c.branch)
	}
	if err := c.pushable(expect, to); err != nil {
		return err
	}
	s := newSpool()
	defer s.close()
	if err := (&receiver{r: fr, s: s}).steps(); err != nil {
		return err
	}
	values, _, err := s.missing(c.ctx, c.h.e, c.h.o.Budget.Depth)
	if err != nil {
		return err
	}
	if len(values) > 0 {
		return fmt.Errorf("sync: push: block %v: %w", values[0], ErrMissing)
	}
	in := &incoming{e: c.h.e, s: s, version: version, budget: c.h.o.Budget, expect: expect, force: to.status == statusForce}
	if expect == nil {
		err = in.create(c.ctx, c.branch)
	} else {
		err = in.push(c.ctx, c.branch, expect)
	}
	if err != nil {
		return err
	}
	return c.answer(func(w *frameWriter) error {
		b, err := head{statusSame, in.after}.append(nil)
		if err != nil {
			return err
		}
		return w.write(frameHead, b)
	})
}

// pushable refuses early what would be refused in the end.
func (c *call) pushable(expect *Version, h head) error {
	to, forced := h.version.name(), h.status == statusForce
	if forced && !c.h.o.Force {
		return fmt.Errorf("%w: this server lets nobody move branches off their line", ErrForbidden)
	}
	now, err := c.h.version(c.ctx, c.branch)
	switch {
	case errors.Is(err, engine.ErrNoBranch):
		if expect != nil {
			return err
		}
		return c.allow(OpCreate, to)
	case err != nil:
		return err
	case expect == nil, expect.Commit != now.Commit, expect.Root != now.Root:
		return fmt.Errorf("%w: the branch is not where it was taken to be", ErrDiverged)
	}
	err = c.allow(OpWrite, to)
	if err == nil && forced {
		err = c.allow(OpForce, to)
	}
	return err
}

// readPush reads what a push begins with.
func readPush(fr *frameReader) (expect *Version, to head, err error) {
	b, err := fr.expect(frameHead)
	if err != nil {
		return nil, to, err
	}
	if len(b) > 0 {
		h, err := parseHead(b)
		if err != nil {
			return nil, to, err
		}
		expect = &h.version
	}
	if b, err = fr.expect(frameHead); err != nil {
		return nil, to, err
	}
	to, err = parseHead(b)
	if err == nil && to.status != statusPush && to.status != statusForce {
		err = malformed("a push with status %d", to.status)
	}
	return expect, to, err
}

// push works what was received into a branch that is where it was expected, and
// stays on its line, unless it is forced off.
func (in *incoming) push(ctx context.Context, name string, expect *Version) error {
	b, err := in.e.Lookup(ctx, name)
	if err != nil {
		return err
	}
	in.shared = expect.Root
	if err := in.into(ctx, b); err != nil {
		return err
	}
	if in.outcome == Ahead {
		return fmt.Errorf("%w: the branch is ahead of what was pushed", ErrDiverged)
	}
	return nil
}

// create makes a branch of what was received. It is put together on a hidden
// one, so that nobody sees it before it is whole.
func (in *incoming) create(ctx context.Context, name string) error {
	if _, err := in.e.Lookup(ctx, name); !errors.Is(err, engine.ErrNoBranch) {
		if err == nil {
			err = fmt.Errorf("%w: %w: %q", ErrDiverged, engine.ErrBranchExists, name)
		}
		return err
	}
	hidden := hiddenPrefix + rand.Text()
	b, err := in.e.Branch(ctx, hidden)
	if err != nil {
		return err
	}
	err = in.into(ctx, b)
	if err == nil {
		_, err = in.e.CreateBranch(ctx, name, in.after.name())
		if errors.Is(err, engine.ErrBranchExists) {
			err = fmt.Errorf("%w: %w", ErrDiverged, err)
		}
		in.outcome = Created
	}
	return errors.Join(err, in.e.DeleteBranch(context.WithoutCancel(ctx), hidden))
}
