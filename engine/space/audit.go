package space

import (
	"context"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Audit is what a service's store says of a space.
type Audit struct {
	Usage       uint64
	Allocations uint64 // the sum of their sizes: S6 wants it equal to Usage
	Receipts    map[cid.Cid]cid.Cid
	Problems    []string // violations of the invariants, each with its name
}

// AuditSpace reads all that a service keeps of a space and holds it to the
// invariants: every receipt is there, signed and of its invocation; usage is the
// sum of the allocations, each caused by an invocation that was granted; what the
// tree has under the service's prefixes is in the index.
func AuditSpace(ctx context.Context, e *engine.Engine, service Identity, space did.DID) (*Audit, error) {
	b, err := e.Lookup(ctx, BranchName(space))
	if err != nil {
		return nil, err
	}
	v, err := service.Verifier()
	if err != nil {
		return nil, err
	}
	a := &Audit{Receipts: map[cid.Cid]cid.Cid{}}
	say := func(format string, args ...any) { a.Problems = append(a.Problems, fmt.Sprintf(format, args...)) }
	err = b.Update(ctx, func(u *engine.Update) error {
		granted := map[string]bool{}
		for entry, err := range u.Side().Range(ctx, prolly.Range{Prefix: []byte(sideReceipt)}) {
			if err != nil {
				return err
			}
			inv, err := cid.Decode(strings.TrimPrefix(string(entry.Key), sideReceipt))
			if err != nil {
				return err
			}
			at := entry.Value.Link
			a.Receipts[inv] = at
			block, err := e.ReadBlock(ctx, at)
			if err != nil {
				return fmt.Errorf("receipt %v: %w", at, err)
			}
			r, err := receipt.Read(at, block)
			if err != nil {
				return err
			}
			granted[inv.String()] = r.Ok() != nil
			// That of http/put is signed by the blob's own key.
			if r.Ran() != inv || r.Issuer() == service.DID && r.Verify(v) != nil {
				say("S4 violated: receipt %v is not of %v, or not signed", at, inv)
			}
		}
		for entry, err := range u.Side().Range(ctx, prolly.Range{Prefix: []byte(sideAlloc)}) {
			if err != nil {
				return err
			}
			var x allocation
			if _, err := getJSON(ctx, u.Side(), string(entry.Key), &x); err != nil {
				return err
			}
			a.Allocations += x.Size
			if !granted[x.Cause] {
				say("S2 violated: %s is allocated for %s, which was not granted", entry.Key, x.Cause)
			}
		}
		var err error
		if a.Usage, err = getUsage(ctx, u.Side()); err != nil {
			return err
		}
		if a.Usage != a.Allocations {
			say("S6 violated: usage is %d, the allocations %d", a.Usage, a.Allocations)
		}
		for _, p := range upheld {
			for entry, err := range u.Tree().Range(ctx, prolly.Range{Prefix: []byte(p)}) {
				if err != nil {
					return err
				}
				c, err := known(ctx, u.Side(), string(entry.Key))
				if err != nil {
					return err
				}
				if !c.Equals(entry.Value.Link) {
					say("S3 violated: %s is %v, the index has %v", entry.Key, entry.Value.Link, c)
				}
			}
		}
		return nil
	})
	return a, err
}
