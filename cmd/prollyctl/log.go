package main

import (
	"context"
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/djson"
	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

type logOptions struct {
	refOption
	keyOption
	limit int
	exact bool
}

func newLog(a *app) *cobra.Command {
	var o logOptions
	c := &cobra.Command{
		Use:   "log [KEY|PREFIX]",
		Short: "List commits, newest first",
		Long: `log lists the commits of a branch and all that they descend from, newest first.
With a KEY or PREFIX it lists those that changed something under a key that
begins so, with --exact under this very key: those that differ there from each of
their parents, so that a merge which took what one side had is not among them.
Where older history was cut off (see retain), the list ends and says so.`,
		Example: `  prollyctl log --limit 5
  prollyctl log user/
  prollyctl log --exact greeting -o jsonl`,
		Args: wantArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.log(c.Context(), args, o) },
	}
	o.refOption.register(a, c)
	o.keyOption.register(c)
	c.Flags().IntVarP(&o.limit, "limit", "n", 0, "at most so many; 0 for all")
	c.Flags().BoolVar(&o.exact, "exact", false, "the argument is a whole key, not the beginning of keys")
	return c
}

// logInfo is a commit in a list, as JSON.
type logInfo struct {
	Commit  cid.Cid                `json:"commit"`
	Root    cid.Cid                `json:"root"`
	Parents []cid.Cid              `json:"parents"`
	Seq     uint64                 `json:"seq"`
	Time    int64                  `json:"time"` // Unix milliseconds
	Message djson.Bytes            `json:"message"`
	Meta    map[string]djson.Bytes `json:"meta,omitempty"` // the rest of it
	Cut     bool                   `json:"cut,omitempty"`  // the history went on, and was cut off
}

func newLogInfo(c engine.Commit) logInfo {
	info := logInfo{
		Commit:  c.CID,
		Root:    c.Root,
		Parents: append([]cid.Cid{}, c.Parents...),
		Seq:     c.Seq,
		Time:    c.Time,
		Message: c.Meta[metaMessage],
		Cut:     c.Cut,
	}
	for k, v := range c.Meta {
		if k == metaMessage {
			continue
		}
		if info.Meta == nil {
			info.Meta = map[string]djson.Bytes{}
		}
		info.Meta[k] = v
	}
	return info
}

func (a *app) log(ctx context.Context, args []string, o logOptions) error {
	if o.limit < 0 {
		return usagef("--limit %d is below 0", o.limit)
	}
	var within prolly.Range
	if len(args) > 0 {
		key, err := o.parse(args[0])
		if err != nil {
			return err
		}
		within = prolly.Range{Prefix: key}
		if o.exact {
			within = prolly.Range{From: key, To: append(append([]byte{}, key...), 0)}
		}
	}
	return a.reading(ctx, func(s *session) error {
		l := list{a: a}
		err := s.commits(ctx, o.ref, within, o.limit, func(c engine.Commit) error {
			if a.output != text {
				return l.item(newLogInfo(c))
			}
			_, err := fmt.Fprintln(a.stdout, logLine(c))
			return err
		})
		if err != nil {
			return err
		}
		return l.end()
	})
}

// logLine is a commit as text.
func logLine(c engine.Commit) string {
	line := fmt.Sprintf("%v  #%d  %s  %s", c.CID, c.Seq, when(c.Time), plain.Bytes(c.Meta[metaMessage]))
	line = strings.TrimRight(line, " ")
	if c.Cut {
		line += "  (older history was cut off)"
	}
	return line
}

// commits calls f with the commits that ref descends from and that changed
// something within a range, newest first.
func (s *session) commits(ctx context.Context, ref string, within prolly.Range, limit int, f func(engine.Commit) error) error {
	r, err := s.committed(ctx, ref)
	if err != nil || r.Commit == nil {
		return err
	}
	b, err := s.e.Lookup(ctx, s.branch)
	if err != nil {
		return err
	}
	for c, err := range b.Log(ctx, engine.LogOptions{From: r.Commit.CID, Within: within, Limit: limit}) {
		if err != nil {
			return err
		}
		if err := f(c); err != nil {
			return err
		}
	}
	return nil
}
