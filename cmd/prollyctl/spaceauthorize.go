package main

import (
	"context"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"
)

func newSpaceAuthorize(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "authorize CID…",
		Short: "Have the service validate a delegation once, and remember that it did",
		Long: `authorize sends delegations to this agent, as "space delegations" lists them, with
all that they rest on to the service. What it has found valid it confirms, in a
delegation that is kept in the space: from then on invocations carry that instead
of the chain, where it is smaller. It ends when anything of the chain expires or is
revoked.

A delegation of everything that an account has (ucan:*) cannot be authorized.`,
		Example: "  prollyctl space authorize bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
		Args:    wantArgs(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			proofs := make([]cid.Cid, len(args))
			for i, arg := range args {
				var err error
				if proofs[i], err = cid.Decode(arg); err != nil {
					return usagef("%q is no CID: %v", arg, err)
				}
			}
			return a.onSpace(c.Context(), func(s *spaceSession) error { return s.authorize(c.Context(), proofs) })
		},
	}
}

// authorizedInfo is what came of it, as JSON.
type authorizedInfo struct {
	Proof         cid.Cid `json:"proof"`
	Authorization cid.Cid `json:"authorization"`
}

func (s *spaceSession) authorize(ctx context.Context, proofs []cid.Cid) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	list := []authorizedInfo{}
	for _, p := range proofs {
		given, err := s.AskAuthorization(ctx, c, p)
		if err != nil {
			return err
		}
		list = append(list, authorizedInfo{p, given})
	}
	if _, err := s.Commit(ctx, "authorizations of the service"); err != nil {
		return err
	}
	return printList(s.app, list, func(w io.Writer, i authorizedInfo) { fmt.Fprintf(w, "%v\t%v\n", i.Proof, i.Authorization) })
}
