package space

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	accesscap "github.com/storacha/go-libstoracha/capabilities/access"
	"github.com/storacha/go-ucanto/core/delegation"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// maxQueueCAR is how long a CAR of invocations may be.
const maxQueueCAR = 64 << 20

// QueueCAR queues the invocations of a CAR: its root is an invocation, an
// archive of one, or a message of several. They are screened, not validated:
// that is for whom they are for.
func (s *Space) QueueCAR(ctx context.Context, r io.Reader) ([]cid.Cid, error) {
	car, err := readCAR(r, maxQueueCAR, maxChanges)
	if err != nil {
		return nil, err
	}
	roots, err := invocationsOf(car)
	if err != nil {
		return nil, err
	}
	var edits []prolly.Edit
	for _, c := range roots {
		if _, err := auth.Load(ctx, c, authSource(car.get), auth.Limits{}); err != nil {
			return nil, fmt.Errorf("space: queue: %w", err)
		}
		blocks, err := bundle(ctx, car.get, c)
		if err != nil {
			return nil, fmt.Errorf("space: queue %v: %w", c, err)
		}
		more, err := nameBlocks(blocks, linkOf(c), PrefixQueue, func(c cid.Cid, b []byte) error { return s.e.PutBlock(ctx, c, b) })
		if err != nil {
			return nil, fmt.Errorf("space: queue %v: %w", c, err)
		}
		edits = append(edits, more...)
	}
	return roots, s.b.Apply(ctx, edits)
}

// invocationsOf finds what a CAR is about.
func invocationsOf(car *carBlocks) ([]cid.Cid, error) {
	root := car.byName[car.root]
	n, err := decodeNode(root)
	if err != nil {
		return nil, err
	}
	if isUCAN(root) {
		return []cid.Cid{car.root}, nil
	}
	if v, err := n.LookupByString("ucan@0.9.1"); err == nil {
		l, err := v.AsLink()
		if err != nil {
			return nil, fmt.Errorf("%w: archive: %v", ErrMalformed, err)
		}
		c, err := cidOf(l)
		return []cid.Cid{c}, err
	}
	return executeOf(root)
}

// invocationAbout signs an invocation with fields in DAG-JSON.
func (s *Space) invocationAbout(ctx context.Context, c *Client, can, with string, nb []byte) (delegation.Delegation, error) {
	n := basicnode.Prototype.Map.NewBuilder()
	if err := dagjson.Decode(n, bytes.NewReader(nb)); err != nil {
		return nil, fmt.Errorf("%w: nb: %v", ErrMalformed, err)
	}
	proofs, err := s.Proofs(ctx, c.Agent.DID())
	if err != nil {
		return nil, err
	}
	return auth.Delegate(c.Agent, c.Service.DID, []auth.Capability{{Can: can, With: with, Nb: n.Build()}},
		auth.Terms{Expires: auth.Seconds(time.Now().Add(queueFor).Unix()), Nonce: rand.Text(), Proofs: proofs})
}

// QueueInvocation signs an invocation, with fields in DAG-JSON, and queues it.
func (s *Space) QueueInvocation(ctx context.Context, c *Client, can, with string, nb []byte) (cid.Cid, error) {
	inv, err := s.invocationAbout(ctx, c, can, with, nb)
	if err != nil {
		return cid.Undef, err
	}
	return mustCID(inv.Link()), s.Queue(ctx, inv)
}

// Outcome is what a receipt says, for people and programs. CIDs are text.
type Outcome struct {
	Invocation string          `json:"invocation"`
	Receipt    string          `json:"receipt"`
	OK         json.RawMessage `json:"ok,omitempty"` // DAG-JSON
	Error      string          `json:"error,omitempty"`
	Message    string          `json:"message,omitempty"`
}

// InvokeNow signs an invocation, with fields in DAG-JSON, sends it, and returns
// what came of it.
func (s *Space) InvokeNow(ctx context.Context, c *Client, can, with string, nb []byte) (Outcome, error) {
	inv, err := s.invocationAbout(ctx, c, can, with, nb)
	if err != nil {
		return Outcome{}, err
	}
	a, err := c.Invoke(ctx, inv)
	if err != nil {
		return Outcome{}, err
	}
	r := a.Receipt
	o := Outcome{Invocation: r.Ran().String(), Receipt: r.CID().String(), Error: r.ErrorName(), Message: r.ErrorMessage()}
	if r.Failure() != nil {
		if o.Error == "" {
			o.Error = "Error"
		}
		return o, nil
	}
	var b bytes.Buffer
	err = dagjson.Encode(r.Ok(), &b)
	o.OK = b.Bytes()
	return o, err
}

// Login queues a request to the account of a mail address to let the agent act
// for it in every way.
func (s *Space) Login(ctx context.Context, c *Client, email string) (cid.Cid, error) {
	account, err := auth.Account(email)
	if err != nil {
		return cid.Undef, err
	}
	iss := account.String()
	nb, err := toNode(accesscap.AuthorizeCaveats{Iss: &iss, Att: []accesscap.CapabilityRequest{{Can: "*"}}})
	if err != nil {
		return cid.Undef, err
	}
	inv, err := auth.Delegate(c.Agent, c.Service.DID, []auth.Capability{{Can: accesscap.AuthorizeAbility, With: c.Agent.DID().String(), Nb: nb}},
		auth.Terms{Expires: auth.Seconds(time.Now().Add(queueFor).Unix()), Nonce: rand.Text()})
	if err != nil {
		return cid.Undef, err
	}
	return mustCID(inv.Link()), s.Queue(ctx, inv)
}
