package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Retention says how much history to keep. A commit is kept when it is among
// the newest or young enough, and all that lies between it and the branch or tag is
// kept too; what a branch or tag names is always kept.
type Retention struct {
	Last int           // so many of the newest commits of each branch and tag
	Age  time.Duration // and those that are not older

	// Branches are those whose histories are cut, all others and the tags
	// keeping theirs whole; when it is empty, all branches and tags are.
	Branches []string

	DryRun bool // count, and cut nothing
}

// Retained is what Retain did.
type Retained struct {
	Kept uint64 // commits that branches and tags descend from, as far as they are kept
	Cuts uint64 // of these: commits whose history was cut off below, by this call
}

// Retain cuts histories off: what lies beyond does not count any more for Log, Blame,
// Merge and Check, and the next garbage collection drops it, unless something
// else needs it. A cut stays, also when the policy changes. Without Last and
// Age nothing is cut. An interruption leaves some of the cuts made, each of them whole.
func (e *Engine) Retain(ctx context.Context, r Retention) (Retained, error) {
	inside, err := e.enter(ctx)
	if err != nil {
		return Retained{}, err
	}
	defer inside.leave()
	k := keeper{e: e, ctx: ctx, r: r, kept: map[codec.Hash]struct{}{}, border: map[codec.Hash]Commit{}}
	k.oldest = e.o.Now().Add(-r.Age).UnixMilli()
	if err := k.walk(); err != nil {
		return Retained{}, err
	}
	return k.cut()
}

// keeper is a Retain under way.
type keeper struct {
	e      *Engine
	ctx    context.Context
	r      Retention
	oldest int64 // time of a commit that is kept for its age

	kept   map[codec.Hash]struct{}
	border map[codec.Hash]Commit // kept, and some parents perhaps not
}

// walk finds what is kept.
func (k *keeper) walk() error {
	for _, name := range k.r.Branches {
		if _, err := k.e.lookup(k.ctx, name); err != nil {
			return err
		}
	}
	for _, prefix := range []string{branchPrefix, tagPrefix} {
		names, err := k.e.refNames(k.ctx, prefix)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := k.history(prefix, name); err != nil {
				return fmt.Errorf("engine: retain: %q: %w", name, err)
			}
		}
	}
	return nil
}

// history keeps what a branch or tag keeps.
func (k *keeper) history(prefix, name string) error {
	c, ok, err := k.head(prefix, name)
	if err != nil || !ok {
		return err
	}
	whole := k.r.Last <= 0 && k.r.Age <= 0 ||
		len(k.r.Branches) > 0 && (prefix == tagPrefix || !slices.Contains(k.r.Branches, name))
	n := 0
	return k.e.descend(k.ctx, []Commit{c}, func(c Commit, _ []Commit) (follow, more bool, err error) {
		n++
		if !whole && n > max(1, k.r.Last) && (k.r.Age <= 0 || c.Time < k.oldest) {
			return false, true, nil
		}
		h, err := codec.HashOf(c.CID)
		if err != nil {
			return false, false, err
		}
		k.kept[h] = struct{}{}
		if !whole && len(c.Parents) > 0 {
			k.border[h] = c
		}
		return true, true, nil
	})
}

// head returns the commit that a branch or tag names, if it names one.
func (k *keeper) head(prefix, name string) (c Commit, ok bool, err error) {
	if prefix == tagPrefix {
		var at cid.Cid
		if at, err = k.e.readTag(k.ctx, name); err == nil {
			var t target
			if t, err = k.e.target(k.ctx, at); err == nil && t.commit != nil {
				return *t.commit, true, nil
			}
		}
		return c, false, ignore(err, ErrNoTag)
	}
	raw, err := k.e.readRef(k.ctx, branchPrefix+name)
	if raw == nil || err != nil {
		return c, false, err
	}
	ref, err := parseBranchRef(raw)
	if err != nil || !ref.hasCommit {
		return c, false, err
	}
	c, err = k.e.ReadCommit(k.ctx, ref.commit.CID())
	return c, err == nil, err
}

// ignore returns err unless it is one that may be: what was listed was removed
// meanwhile.
func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

// cut marks the commits whose parents are not all kept.
func (k *keeper) cut() (Retained, error) {
	done := Retained{Kept: uint64(len(k.kept))}
	for _, c := range k.border {
		marked, old, err := k.e.shallow(k.ctx, c.CID)
		if err != nil {
			return done, err
		}
		mask := old
		for i, p := range c.Parents {
			h, err := codec.HashOf(p)
			if err != nil {
				return done, err
			}
			if _, ok := k.kept[h]; !ok {
				mask |= 1 << i
			}
		}
		if mask == old {
			continue
		}
		if done.Cuts++; k.r.DryRun {
			continue
		}
		var was []byte
		if marked {
			was = encodeShallow(old)
		}
		if err := k.e.swapRef(k.ctx, shallowPrefix+c.CID.String(), was, encodeShallow(mask)); err != nil {
			return done, err
		}
	}
	if k.r.DryRun {
		return done, nil
	}
	return done, k.forget()
}

// forget removes the marks of earlier cuts whose commits were collected.
func (k *keeper) forget() error {
	var gone []string
	for ref, err := range k.e.store.ListRefs(k.ctx, shallowPrefix) {
		if err != nil {
			return storeError("list refs", err)
		}
		cut, err := readShallow(ref.Value)
		if err != nil {
			return fmt.Errorf("engine: retain: %q: %w", ref.Name, err)
		}
		c, err := cid.Decode(strings.TrimPrefix(ref.Name, shallowPrefix))
		if err != nil || cut == 0 {
			continue
		}
		if _, err = k.e.nodes.readBlob(k.ctx, c); errors.Is(err, ErrMissing) {
			gone = append(gone, ref.Name)
		} else if err != nil {
			return err
		}
	}
	for _, name := range gone {
		raw, err := k.e.readRef(k.ctx, name)
		if err == nil && raw != nil {
			err = k.e.swapRef(k.ctx, name, raw, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
