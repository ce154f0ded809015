package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/sync"
)

func newPull(a *app) *cobra.Command {
	var o sync.PullOptions
	var how resolveOption
	c := &cobra.Command{
		Use:   "pull [REMOTE]",
		Short: "Bring the branch up to a server's",
		Long: `pull receives what a server's branch has and ours lacks, as entries, and verifies
all of it by the server's root before anything changes. Where both have something
of their own, the branches have diverged: exit status 1 and nothing changed,
unless --resolve decides conflicts as merge does. The server's branch is that of
--branch, unless --from names another.`,
		Example: `  prollyctl pull
  prollyctl pull origin --resolve newest
  prollyctl pull origin --replace       # what only ours has is lost
  prollyctl --branch draft pull origin --from main -o json`,
		Args: wantArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.Resolve, o.Newest, err = how.resolver(c, resolvers); err != nil {
				return err
			}
			return a.pull(c.Context(), optional(args, 0), o)
		},
	}
	how.register(c, resolvers)
	c.Flags().StringVar(&o.Branch, "from", "", "branch of the server (default that of --branch)")
	c.Flags().BoolVar(&o.Replace, "replace", false, "take the server's branch also where ours has something of its own")
	c.Flags().BoolVar(&o.AllowRollback, "allow-rollback", false, "go on also where the server shows an older state than before")
	return c
}

func newPush(a *app) *cobra.Command {
	var o sync.PushOptions
	var how resolveOption
	c := &cobra.Command{
		Use:   "push [REMOTE]",
		Short: "Bring a server's branch up to ours",
		Long: `push sends what the branch has and a server's lacks. The server's branch moves
from where it was last seen, or not at all: when others were faster, exit status
1 and nothing changed, unless --resolve is given; then theirs is merged into ours
first, as pull does. With --force the server's branch becomes ours although it
loses something by that, if it still is where it was last seen and the server
allows it (serve --allow-force).`,
		Example: `  prollyctl push
  prollyctl push origin --resolve ours
  prollyctl --branch draft push origin --to main
  prollyctl push --force                # after reset: what only theirs has is lost`,
		Args: wantArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.Resolve, o.Newest, err = how.resolver(c, resolvers); err != nil {
				return err
			}
			if o.Force && (o.Resolve != nil || o.Newest) {
				return usagef("--force and --resolve exclude each other")
			}
			return a.push(c.Context(), optional(args, 0), o)
		},
	}
	how.register(c, resolvers)
	c.Flags().BoolVar(&o.Force, "force", false, "move the server's branch from where it was last seen, whatever it loses")
	c.Flags().StringVar(&o.Branch, "to", "", "branch of the server (default that of --branch)")
	return c
}

func newClone(a *app) *cobra.Command {
	var o sync.CloneOptions
	var token string
	c := &cobra.Command{
		Use:   "clone URL DIR",
		Short: "Make a store of a server's branch",
		Long: `clone makes a store in DIR with the branch of --branch as the server at URL has
it, and its history, and names the server origin. A broken connection is taken
up again after the last key received. With --depth the history is cut off.`,
		Example: `  prollyctl clone http://localhost:8480 copy
  prollyctl --branch draft clone http://localhost:8480 copy --depth 1`,
		Args: wantArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error { return a.clone(c.Context(), args[0], args[1], token, o) },
	}
	c.Flags().IntVar(&o.Depth, "depth", 0, "so many commits of the history; 0: all")
	c.Flags().StringVar(&token, "token-file", "", "file with the bearer token that the server asks for")
	return c
}

// connection talks to a remote, and counts what passes its sockets.
type connection struct {
	*sync.Client
	tr    *http.Transport
	bytes atomic.Int64
	p     *syncProgress
}

// counted counts the bytes of a connection.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}

func (a *app) connect(r remote) (*connection, error) {
	c := &connection{Client: &sync.Client{URL: r.URL}}
	if r.TokenFile != "" {
		b, err := os.ReadFile(r.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token of remote %s: %w", r.Name, err)
		}
		c.Token = strings.TrimSpace(string(b))
	}
	dialer := &net.Dialer{Timeout: 20 * time.Second}
	c.tr = &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return counted{conn, &c.bytes}, nil
		},
		TLSHandshakeTimeout: 20 * time.Second,
	}
	c.HTTP = &http.Client{Transport: c.tr}
	if a.errTTY {
		c.p = &syncProgress{a: a, what: plain.String(r.URL)}
		c.Progress = c.p.show
	}
	return c, nil
}

func (c *connection) close() {
	c.tr.CloseIdleConnections()
	if c.p != nil {
		c.p.end()
	}
}

// syncProgress shows on stderr what has arrived.
type syncProgress struct {
	a    *app
	what string
	bar  *progressbar.ProgressBar
}

func (p *syncProgress) show(now sync.Progress) {
	if p.bar == nil {
		total := int64(now.Total)
		if total == 0 {
			total = -1
		}
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.a.stderr), progressbar.OptionSetWidth(24),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	p.bar.Describe(fmt.Sprintf("%s: %s entries, %s", p.what, count(now.Entries), size(uint64(now.Bytes))))
	_ = p.bar.Set64(int64(now.Entries)) // a bar that cannot be drawn is no reason to stop
}

func (p *syncProgress) end() {
	if p.bar != nil {
		_ = p.bar.Exit()
		_ = p.bar.Clear()
	}
}

// syncInfo is the summary of a sync, as JSON.
type syncInfo struct {
	Remote     string  `json:"remote"`
	Branch     string  `json:"branch"`
	Outcome    string  `json:"outcome"`
	Commit     cid.Cid `json:"commit"` // null when there is none
	Root       cid.Cid `json:"root"`
	Entries    uint64  `json:"entries"`  // in the tree afterwards
	Received   int64   `json:"received"` // entries set or deleted
	Sent       int64   `json:"sent"`
	Blocks     int64   `json:"blocks"` // beside entries, both ways
	Commits    int     `json:"commits"`
	Conflicts  uint64  `json:"conflicts"`
	Bytes      int64   `json:"bytes"` // on the wire, both ways
	RoundTrips int     `json:"roundTrips"`
	Seconds    float64 `json:"seconds"`
}

func (a *app) printSync(c *connection, r remote, branch string, res sync.Result, began time.Time) error {
	s := res.Stats
	info := syncInfo{
		Remote: r.Name, Branch: branch, Outcome: string(res.Outcome),
		Commit: res.After.Commit, Root: res.After.Root, Entries: res.After.Entries,
		Received: s.EntriesIn, Sent: s.EntriesOut, Blocks: s.BlocksIn + s.BlocksOut, Commits: s.CommitsIn + s.CommitsOut,
		Conflicts: res.Merge.Conflicts, Bytes: c.bytes.Load(), RoundTrips: s.RoundTrips, Seconds: time.Since(began).Seconds(),
	}
	return a.print(info, func(w io.Writer) {
		at := info.Root
		if info.Commit.Defined() {
			at = info.Commit
		}
		fmt.Fprintf(w, "%s: %s, %v, %s\n", plain.String(branch), info.Outcome, at, many(info.Entries, "entry", "entries"))
		fmt.Fprintf(w, "%s received, %s sent; %s in %s\n", many(uint64(info.Received), "entry", "entries"), count(uint64(info.Sent)),
			size(uint64(info.Bytes)), many(info.RoundTrips, "round trip", "round trips"))
	})
}

func (a *app) pull(ctx context.Context, name string, o sync.PullOptions) error {
	r, err := findRemoteIn(a, ctx, name)
	if err != nil {
		return err
	}
	c, err := a.connect(r)
	if err != nil {
		return err
	}
	defer c.close()
	began := time.Now()
	limitMemory()
	return a.writing(ctx, func(s *session) error {
		return s.onto(ctx, func(b *engine.Branch) error {
			o.Remote = r.Name
			res, err := c.Pull(ctx, b, o)
			if err != nil {
				return err
			}
			return a.printSync(c, r, b.Name(), res, began)
		})
	})
}

func (a *app) push(ctx context.Context, name string, o sync.PushOptions) error {
	r, err := findRemoteIn(a, ctx, name)
	if err != nil {
		return err
	}
	c, err := a.connect(r)
	if err != nil {
		return err
	}
	defer c.close()
	began := time.Now()
	return a.writing(ctx, func(s *session) error {
		b, err := s.e.Lookup(ctx, s.branch)
		if err != nil {
			return err
		}
		o.Remote = r.Name
		res, err := c.Push(ctx, b, o)
		if err != nil {
			return err
		}
		return a.printSync(c, r, b.Name(), res, began)
	})
}

// findRemoteIn is findRemote in the store that is there.
func findRemoteIn(a *app, ctx context.Context, name string) (r remote, err error) {
	err = a.reading(ctx, func(*session) error {
		r, err = findRemote(a.store, name)
		return err
	})
	return r, err
}

func (a *app) clone(ctx context.Context, address, dir, token string, o sync.CloneOptions) error {
	if err := checkAddress(address); err != nil {
		return err
	}
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r := remote{Name: sync.DefaultRemote, URL: address, TokenFile: token}
	c, err := a.connect(r)
	if err != nil {
		return err
	}
	defer c.close()
	began := time.Now()
	limitMemory()
	a.store = dir
	var res sync.Result
	err = a.open(ctx, &engine.Options{CacheBytes: cacheBytes}, func(s *session) error {
		o.Branch, o.Remote = a.branch, r.Name
		res, err = c.Clone(ctx, s.e, o)
		return err
	})
	if err != nil {
		return also(err, os.RemoveAll(dir)) // what is half there is of no use
	}
	if err := writeRemotes(dir, []remote{r}); err != nil {
		return err
	}
	return a.printSync(c, r, a.branch, res, began)
}
