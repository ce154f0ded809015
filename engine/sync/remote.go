package sync

import (
	"context"
	"errors"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// DefaultRemote is the name of a remote that was given none.
const DefaultRemote = "origin"

// TrackingTag is the tag that holds what a branch of a remote was when it was
// last seen: a commit, or a root when the branch has none. It keeps what the next
// sync begins with from being collected.
func TrackingTag(remote, branch string) string { return "remotes/" + remote + "/" + branch }

// tracked is what the tracking tag names.
type tracked struct {
	name   cid.Cid // cid.Undef: never seen
	root   cid.Cid
	commit *engine.Commit
}

func tracking(ctx context.Context, e *engine.Engine, remote, branch string) (t tracked, err error) {
	want := TrackingTag(remote, branch)
	tags, err := e.Tags(ctx)
	if err != nil {
		return t, err
	}
	for _, tag := range tags {
		if tag.Name != want {
			continue
		}
		c, err := e.ReadCommit(ctx, tag.CID)
		if errors.Is(err, engine.ErrNoCommit) || errors.Is(err, engine.ErrMissing) {
			return tracked{name: tag.CID, root: tag.CID}, nil
		}
		return tracked{name: tag.CID, root: c.Root, commit: &c}, err
	}
	return t, nil
}

// track remembers where a remote branch is.
func track(ctx context.Context, e *engine.Engine, remote, branch string, v Version) error {
	name := v.name()
	if name == emptyRoot { // it needs no keeping, and stands for nothing in common
		err := e.DeleteTag(ctx, TrackingTag(remote, branch))
		if errors.Is(err, engine.ErrNoTag) {
			err = nil
		}
		return err
	}
	return e.Tag(ctx, TrackingTag(remote, branch), name)
}
