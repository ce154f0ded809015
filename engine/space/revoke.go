package space

import (
	"context"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// sideRevoked, in the service's own side tree, is followed by the CID of a UCAN
// that is revoked; the value links to the invocation that did it.
const sideRevoked = "revoked/"

// revocations answers the validator.
type revocations struct{ s *Service }

func (r revocations) Revoked(_ context.Context, c cid.Cid) (bool, error) {
	r.s.revokedMu.RLock()
	defer r.s.revokedMu.RUnlock()
	_, ok := r.s.revoked[c]
	return ok, nil
}

func (s *Service) loadRevocations(ctx context.Context) error {
	s.revoked = map[cid.Cid]struct{}{}
	return side(ctx, s.own, func(r *engine.Root) error {
		for e, err := range r.Range(ctx, prolly.Range{Prefix: []byte(sideRevoked)}) {
			if err != nil {
				return err
			}
			c, err := cid.Decode(strings.TrimPrefix(string(e.Key), sideRevoked))
			if err != nil {
				return fmt.Errorf("space: revocation %q: %w", e.Key, err)
			}
			s.revoked[c] = struct{}{}
		}
		return nil
	})
}

// revoke ends a UCAN, for whoever may.
func (s *Service) revoke(ctx context.Context, j *job) (*outcome, error) {
	target, err := auth.RevocationOf(j.cap)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "%v", err)
	}
	chain, err := s.auth.Load(ctx, target, authSource(j.source))
	if err != nil {
		return nil, denied("UCANNotFound", "%v: %v", target, err)
	}
	who, err := did.Parse(j.cap.With)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "with: %v", err)
	}
	if err := auth.MayRevoke(who, chain); err != nil {
		return nil, err
	}
	return &outcome{
		ok:   revokedAt(s.o.Now().Unix()),
		side: []prolly.Edit{putLink(sideRevoked+target.String(), j.cid)},
		after: func() {
			s.revokedMu.Lock()
			s.revoked[target] = struct{}{}
			s.revokedMu.Unlock()
		},
	}, nil
}

// revokedAt is {time: seconds since 1970}.
type revokedAt int64

func (t revokedAt) ToIPLD() (datamodel.Node, error) {
	return qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "time", qp.Int(int64(t)))
	})
}
