package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

func newSalvage(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "salvage DIR",
		Short: "Copy what can be read of a damaged store to a new one",
		Long: `salvage makes a new store in DIR, which must be empty or missing, of everything
that can still be read in the store, also when that does not open any more
otherwise. What is undamaged keeps its CIDs; commits whose trees or parents are
damaged are made anew with what is left, and name the old ones.

Inner nodes of trees that are lost are made again from the leaves below them, if
hashes prove that these are the ones. Leaves whose place cannot be proven are not
put into the old branches: they are on new ones, found/1 and so on.

When Pebble's own files are damaged the store is read file by file, into a copy in
the directory for temporary files, which TMPDIR names and which needs as much
room, or more when linked blocks are named by other hashes than SHA-256. It prints
what was lost; the exit status is 1 when that is anything. The damaged store is
not changed.`,
		Example: `  prollyctl --store broken salvage rescued
  prollyctl --store broken salvage rescued -o jsonl
  prollyctl --store rescued branch                    # is there a found/1?
  prollyctl --store rescued --branch found/1 scan`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.salvage(c.Context(), args[0]) },
	}
}

// lossInfo is a loss as JSON.
type lossInfo struct {
	Ref    string      `json:"ref"`    // branch or tag; empty when it is none
	Commit cid.Cid     `json:"commit"` // null: the branch as it is now
	Side   bool        `json:"side"`
	From   djson.Bytes `json:"from,omitempty"` // keys, to excluded; without both: no entry, or all
	To     djson.Bytes `json:"to,omitempty"`
	Error  string      `json:"error"`
}

func newLossInfo(l engine.Loss) lossInfo {
	return lossInfo{Ref: l.Ref, Commit: l.Commit, Side: l.Side, From: l.From, To: l.To, Error: oneLine(l.Err)}
}

func (l lossInfo) write(w io.Writer) {
	fmt.Fprint(w, "lost")
	if l.Ref != "" {
		fmt.Fprintf(w, " in %s", plain.String(l.Ref))
	}
	if l.Commit.Defined() {
		fmt.Fprintf(w, " at %v", l.Commit)
	}
	if l.Side {
		fmt.Fprint(w, " (side)")
	}
	switch {
	case l.From != nil && l.To != nil:
		fmt.Fprintf(w, ", from %s up to %s", plain.Bytes(l.From), plain.Bytes(l.To))
	case l.From != nil:
		fmt.Fprintf(w, ", from %s on", plain.Bytes(l.From))
	}
	fmt.Fprintf(w, ": %s\n", plain.Clean(l.Error))
}

// salvageInfo is the outcome as one JSON document.
type salvageInfo struct {
	Refs    int        `json:"refs"`
	Commits uint64     `json:"commits"`
	Same    uint64     `json:"same"` // commits under the same CID
	Losses  uint64     `json:"losses"`
	Mended  uint64     `json:"mended"`          // inner nodes that were made again
	Found   []string   `json:"found,omitempty"` // branches of leaves without a place
	Lost    []lossInfo `json:"lost,omitempty"`
}

func (a *app) salvage(ctx context.Context, dir string) error {
	if names, err := os.ReadDir(dir); err == nil && len(names) > 0 {
		return usagef("%s is not empty", dir)
	}
	src, err := engine.OpenDamaged(a.store, &engine.Options{CacheBytes: cacheBytes})
	if errors.Is(err, engine.ErrNoStore) {
		return storeError{fmt.Sprintf("there is no store in %s", a.store), err}
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", a.store, err)
	}
	info := salvageInfo{}
	done, err := a.salvageTo(ctx, src, dir, func(l engine.Loss) error {
		i := newLossInfo(l)
		if a.output == asOne {
			info.Lost = append(info.Lost, i)
			return nil
		}
		return a.print(i, i.write)
	})
	if err = also(err, src.Close()); err != nil {
		return err
	}
	info.Refs, info.Commits, info.Same, info.Losses = done.Refs, done.Commits, done.Same, done.Losses
	info.Mended, info.Found = done.Mended, done.Found
	err = a.print(info, func(w io.Writer) {
		if done.Mended > 0 {
			fmt.Fprintf(w, "%s made again\n", many(int(done.Mended), "inner node", "inner nodes"))
		}
		for _, name := range done.Found {
			fmt.Fprintf(w, "found, without proof of where it was: branch %s\n", plain.String(name))
		}
		fmt.Fprintf(w, "%s and %s in %s, %d of the commits as they were; %s\n", many(done.Refs, "branch or tag", "branches and tags"),
			many(done.Commits, "commit", "commits"), dir, done.Same, many(done.Losses, "loss", "losses"))
	})
	if err == nil && done.Losses > 0 {
		err = errNo
	}
	return err
}

func (a *app) salvageTo(ctx context.Context, src *engine.Engine, dir string, report func(engine.Loss) error) (engine.Salvaged, error) {
	dst, err := engine.Open(dir, &engine.Options{CacheBytes: cacheBytes})
	if err != nil {
		return engine.Salvaged{}, err
	}
	var printed error
	done, err := engine.Salvage(ctx, src, dst, func(l engine.Loss) {
		if e := report(l); printed == nil {
			printed = e
		}
	})
	return done, also(also(err, printed), dst.Close())
}
