package receipt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/multiformats/go-multihash"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/ucan"
)

// State is how far a blob has come.
type State uint8

// The states of a blob, as receipts show them.
const (
	Unknown   State = iota // the receipts do not say: see the error
	Queued                 // an invocation without receipt
	Refused                // the service would not take it: over capacity, not allowed …
	Failed                 // taken, but a later step ended in an error
	Pending                // an upload address was given; nobody says to have used it
	Delivered              // somebody says that the bytes were sent
	Located                // the service has looked at the bytes and says where they are
	Expired                // the address or the location is no longer valid
)

var stateNames = [...]string{"unknown", "queued", "refused", "failed", "pending", "delivered", "located", "expired"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// ErrUnproven: what the receipt is about cannot be seen, because the blocks of
// the invocation and its effects are not there.
var ErrUnproven = errors.New("nothing shows what the receipt is about")

// Evidence is where the state of a blob is read from. The functions return nil
// bytes for what is not there; whoever supplies them is not trusted.
type Evidence struct {
	Service ucan.Verifier
	Space   did.DID
	Digest  multihash.Multihash
	Now     time.Time

	// Receipt is the receipt of an invocation.
	Receipt func(ctx context.Context, invocation cid.Cid) (receipt cid.Cid, block []byte, err error)

	// Block is an invocation, an effect or a location by its CID.
	Block func(ctx context.Context, c cid.Cid) ([]byte, error)
}

// The effects of space/blob/add, by their place in fx.fork.
const (
	forkAllocate = iota
	forkPut
	forkAccept
	forks
)

// BlobState derives the state of a blob of a space from receipts alone. The
// first is that of space/blob/add; nil says that the invocation is queued. A
// receipt that is forged, or about another blob or space, is ErrForged. Other
// receipts that do not hold are as if they were not there.
func BlobState(ctx context.Context, add *Receipt, e Evidence) (State, error) {
	if add == nil {
		return Queued, nil
	}
	if err := add.Verify(e.Service); err != nil {
		return Unknown, err
	}
	tasks, err := e.tasks(ctx, add)
	if err != nil {
		return Unknown, err
	}
	if add.Failure() != nil {
		return Refused, nil
	}
	return e.progress(ctx, add, tasks)
}

// tasks reads the effects, and checks that the receipt is about this blob.
func (e Evidence) tasks(ctx context.Context, add *Receipt) (map[cid.Cid]task, error) {
	all := map[cid.Cid]task{}
	proven := false
	for _, c := range append([]cid.Cid{add.Ran()}, add.fork...) {
		b, err := e.Block(ctx, c)
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		t, err := readTask(c, b)
		if err != nil {
			return nil, err
		}
		space := t.space
		if t.can == "space/blob/add" {
			space = t.with
		}
		about := t.can == "space/blob/add" || t.can == "blob/allocate" || t.can == "blob/accept"
		if about && (string(t.blob) != string(e.Digest) || space != e.Space.String()) || c == add.Ran() && t.can != "space/blob/add" {
			return nil, fmt.Errorf("%w: %s is about another blob or space", ErrForged, add.CID())
		}
		proven = proven || about
		all[c] = t
	}
	if !proven {
		return nil, fmt.Errorf("%w: %s", ErrUnproven, add.CID())
	}
	return all, nil
}

// progress looks at the receipts of the effects, the last step first.
func (e Evidence) progress(ctx context.Context, add *Receipt, tasks map[cid.Cid]task) (State, error) {
	if len(add.fork) < forks {
		return Pending, nil
	}
	accept, err := e.of(ctx, add.fork[forkAccept], e.Service)
	if err != nil {
		return Unknown, err
	}
	if accept != nil {
		return e.accepted(ctx, accept)
	}
	allocate, err := e.of(ctx, add.fork[forkAllocate], e.Service)
	if err != nil {
		return Unknown, err
	}
	if allocate != nil && allocate.Failure() != nil {
		return Failed, nil
	}
	key, err := BlobKey(e.Digest)
	if err != nil {
		return Unknown, err
	}
	put, err := e.of(ctx, add.fork[forkPut], key.Verifier())
	if err != nil {
		return Unknown, err
	}
	if put != nil && put.Ok() != nil {
		return Delivered, nil
	}
	if allocate != nil && e.past(at(at(allocate.ok, "address"), "expires")) {
		return Expired, nil
	}
	return Pending, nil
}

// accepted reads the receipt of blob/accept, and how long its location holds.
func (e Evidence) accepted(ctx context.Context, accept *Receipt) (State, error) {
	if accept.Failure() != nil {
		return Failed, nil
	}
	f := fields{}
	site := f.link(at(accept.ok, "site"))
	if f.err != nil || !site.Defined() {
		return Failed, nil
	}
	b, err := e.Block(ctx, site)
	if err != nil {
		return Unknown, err
	}
	if b != nil {
		if t, err := readTask(site, b); err == nil && t.exp != 0 && t.exp <= e.Now.Unix() {
			return Expired, nil
		}
	}
	return Located, nil
}

// of is the receipt of a task by a key; nil when there is none that holds.
func (e Evidence) of(ctx context.Context, task cid.Cid, key ucan.Verifier) (*Receipt, error) {
	c, b, err := e.Receipt(ctx, task)
	if err != nil || b == nil {
		return nil, err
	}
	r, err := Verify(c, b, task, key)
	if err != nil {
		return nil, nil // as if it were not there
	}
	return r, nil
}

// past tells whether a number of seconds since 1970 is over.
func (e Evidence) past(n datamodel.Node) bool {
	if n == nil {
		return false
	}
	s, err := n.AsInt()
	return err == nil && s <= e.Now.Unix()
}
