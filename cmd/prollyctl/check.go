package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

func newCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Verify everything in the store",
		Long: `check reads all that branches and tags reach, and verifies every hash, every
node's form and place, the shape of every tree, and the store's own records. It
changes nothing. On a terminal it shows how far it is. It prints what it finds wrong; the exit status is 1 when that
is anything, and 2 when it could not go on.`,
		Example: `  prollyctl check
  prollyctl check -o jsonl`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.check(c.Context()) },
	}
}

// problemInfo is a problem as JSON.
type problemInfo struct {
	Kind   string  `json:"kind"`
	CID    cid.Cid `json:"cid"`    // of the block at fault; null when it is no block
	Branch *string `json:"branch"` // through which it was met; null when through none
	Error  string  `json:"error"`

	// The keys that it touches, to excluded; without, from the first on, up to
	// the last.
	From djson.Bytes `json:"from,omitempty"`
	To   djson.Bytes `json:"to,omitempty"`
}

func newProblemInfo(p engine.Problem) problemInfo {
	info := problemInfo{Kind: p.Kind, CID: p.CID, Error: oneLine(p.Err), From: p.From, To: p.To}
	if p.Branch != "" {
		info.Branch = &p.Branch
	}
	return info
}

// checkInfo is the outcome as one JSON document.
type checkInfo struct {
	OK       bool          `json:"ok"`
	Problems []problemInfo `json:"problems"`
}

func (a *app) check(ctx context.Context) error {
	r := checkReport{a: a, problems: []problemInfo{}}
	err := a.reading(ctx, func(s *session) error {
		p := s.checkProgress()
		defer p.end()
		_, err := s.e.CheckWith(ctx, engine.CheckOptions{
			Report:   func(p engine.Problem) { r.add(newProblemInfo(p)) },
			Progress: p.checked,
		})
		return err
	})
	if errors.Is(err, engine.ErrCorrupt) || errors.Is(err, kv.ErrCorrupt) || errors.Is(err, engine.ErrRollback) {
		// So bad that the store does not open, or the check cannot go on.
		r.add(problemInfo{Kind: "store", Error: oneLine(err)})
		err = nil
	}
	if err != nil {
		return err
	}
	return r.end()
}

// checkReport prints problems as they are found.
type checkReport struct {
	a        *app
	found    int
	problems []problemInfo // with -o json
	err      error         // of printing
}

func (r *checkReport) add(p problemInfo) {
	r.found++
	var err error
	switch r.a.output {
	case asOne:
		r.problems = append(r.problems, p)
	case lines:
		err = r.a.print(p, nil)
	default:
		err = r.a.print(p, p.write)
	}
	if r.err == nil {
		r.err = err
	}
}

func (p problemInfo) write(w io.Writer) {
	fmt.Fprintf(w, "%s", p.Kind)
	if p.CID.Defined() {
		fmt.Fprintf(w, " %v", p.CID)
	}
	if p.Branch != nil {
		fmt.Fprintf(w, " (branch %s)", plain.String(*p.Branch))
	}
	if p.From != nil {
		fmt.Fprintf(w, " from key %s", plain.Bytes(p.From))
	}
	if p.To != nil {
		fmt.Fprintf(w, " up to %s", plain.Bytes(p.To))
	}
	fmt.Fprintf(w, ": %s\n", plain.Clean(p.Error))
}

func (r *checkReport) end() error {
	if r.err != nil {
		return r.err
	}
	var err error
	switch r.a.output {
	case asOne:
		err = r.a.print(checkInfo{OK: r.found == 0, Problems: r.problems}, nil)
	case text:
		if r.found == 0 {
			_, err = fmt.Fprintln(r.a.stdout, "no problem found")
		} else {
			_, err = fmt.Fprintln(r.a.stdout, many(r.found, "problem", "problems"), "found")
		}
	}
	if err == nil && r.found > 0 {
		err = errNo
	}
	return err
}
