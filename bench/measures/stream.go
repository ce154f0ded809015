package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"

	"github.com/go-ds-prolly/go-ds-prolly/bench/resident"
	"github.com/go-ds-prolly/go-ds-prolly/bench/target"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/car"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// streamed are the most bytes of memory that the process had, garbage included,
// while all entries went by.
type streamed struct {
	Scan, Diff, Export uint64
	Live               uint64 // the most that was in use, at the end of a cycle of the collector
}

// stream measures in a process of its own, and tells what it found on its
// output.
func stream(ctx context.Context, dir string, n uint64, w io.Writer) error {
	var r streamed
	err := opened(ctx, dir, func(b *engine.Branch) error {
		return pinned(ctx, b, func(t prolly.Tree) (err error) {
			if r.Scan, err = r.watched(func() error { return scanned(ctx, t, n) }); err != nil {
				return err
			}
			if r.Diff, err = r.watched(func() error { return differed(ctx, t, n) }); err != nil {
				return err
			}
			r.Export, err = r.watched(func() error {
				_, err := car.Export(ctx, b.Engine(), io.Discard, t.Root(), car.ExportOptions{})
				return err
			})
			return err
		})
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(r)
}

var errStream = errors.New("not all entries came by")

func scanned(ctx context.Context, t prolly.Tree, n uint64) error {
	return allSeen(t.Range(ctx, prolly.Range{}), n)
}

// differed compares with the empty tree: each entry is a change.
func differed(ctx context.Context, t prolly.Tree, n uint64) error {
	return allSeen(prolly.Diff(ctx, prolly.Empty(prolly.NewMemStore()), t, prolly.Range{}), n)
}

func allSeen[T any](all iter.Seq2[T, error], n uint64) error {
	var seen uint64
	for _, err := range all {
		if err != nil {
			return err
		}
		seen++
	}
	if seen != n {
		return errStream
	}
	return nil
}

// watched looks at the memory while f runs.
func (r *streamed) watched(f func() error) (most uint64, err error) {
	p, err := resident.Watch(f)
	r.Live = max(r.Live, p.Live)
	return p.Resident, err
}

// streams runs stream in another process, which is told by GOMEMLIMIT what it
// may have.
func streams(ctx context.Context, dir string, n int) ([]target.Row, error) {
	const reach = cacheBytes + blockBytes + memTables + 64<<20
	limit := cacheBytes + 64<<20 // of the Go runtime, in which Pebble's part is not,
	if !resident.LinksC() {
		limit = reach // unless there is no other place for it
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, self, "-stream", dir, "-wide", fmt.Sprint(n))
	c.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%d", limit))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	var r streamed
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	of := fmt.Sprintf(" of %d entries", n)
	note := "all that the process holds; to reach: caches of 64 (nodes) and 32 (blocks), 128 that Pebble keeps for memtables and lends to its cache, and 64"
	if resident.LinksC() {
		note += "; built with C, whose library may keep more"
	}
	mib := func(v uint64) float64 { return float64(v) / (1 << 20) }
	return []target.Row{
		target.AtMost("memory while scanning"+of, mib(r.Scan), mib(reach), "MiB", note),
		target.AtMost("memory while comparing"+of+" with none", mib(r.Diff), mib(reach), "MiB", ""),
		target.AtMost("memory while exporting"+of, mib(r.Export), mib(reach), "MiB", "in use at most, in all three: "+target.Figure(mib(r.Live))+" MiB"),
	}, nil
}
