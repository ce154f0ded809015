package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/space"
)

const spaceLong = `space works on a user's space: a tree that is edited offline and synced with the
replica of a service. Entries that the service signs (receipts for blobs and
uploads) stand beside anything else that the user keeps there; invocations are
queued and answered at the next sync.

A store may hold several spaces; --space says which when it does. The key that
signs stands in a file of mode 0600, which nobody else may read.`

func newSpace(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "space",
		Short: "A space: receipts, a queue of invocations, and its service",
		Long:  spaceLong,
		Example: `  prollyctl space create
  prollyctl space blob add photo.jpg
  prollyctl space sync http://localhost:8080
  prollyctl space blob ls`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&a.space, "space", "", "DID of the space, when the store has several")
	c.AddCommand(newSpaceCreate(a), newSpaceInfo(a), newSpaceLs(a), newSpaceGet(a), newSpacePut(a), newSpaceBlob(a),
		newSpaceQueue(a), newSpaceInvoke(a), newSpaceSync(a), newSpaceLogin(a), newSpaceDelegations(a), newSpaceAuthorize(a), newSpaceServe(a))
	return c
}

// spaceSession is a command at work on a space.
type spaceSession struct {
	*session
	*space.Space
	settings space.Settings
	blobs    *space.Blobs
}

const (
	keyName   = "space.key"
	blobsName = "blobs"
)

// onSpace opens the store and calls f with the space of --space, or the only one.
func (a *app) onSpace(ctx context.Context, f func(*spaceSession) error) error {
	return a.writing(ctx, func(s *session) error { return s.withSpace(ctx, f) })
}

// inSpace is onSpace for commands that only read.
func (a *app) inSpace(ctx context.Context, f func(*spaceSession) error) error {
	return a.reading(ctx, func(s *session) error { return s.withSpace(ctx, f) })
}

func (s *session) withSpace(ctx context.Context, f func(*spaceSession) error) error {
	sp, err := s.findSpace(ctx)
	if err != nil {
		return err
	}
	settings, err := sp.Settings(ctx)
	if err != nil {
		return err
	}
	return f(&spaceSession{session: s, Space: sp, settings: settings})
}

func (s *session) findSpace(ctx context.Context) (*space.Space, error) {
	if s.space != "" {
		id, err := space.ParseDID(s.space)
		if err != nil {
			return nil, usageError{err}
		}
		return space.Lookup(ctx, s.e, id)
	}
	all, err := space.List(ctx, s.e)
	if err != nil {
		return nil, err
	}
	switch len(all) {
	case 0:
		return nil, errors.New("there is no space in this store; make one with: prollyctl space create")
	case 1:
		return space.Lookup(ctx, s.e, all[0])
	}
	return nil, usagef("the store has %d spaces; name one with --space", len(all))
}

// openBlobs opens the directory of the bytes of blobs.
func (s *spaceSession) openBlobs() (err error) {
	s.blobs, err = space.OpenBlobs(filepath.Join(s.store, blobsName))
	return err
}

// client is how the agent talks to the service; the settings say to which.
func (s *spaceSession) client() (*space.Client, error) {
	key, err := auth.LoadKey(s.settings.KeyFile)
	if err != nil {
		return nil, err
	}
	id, ok := s.settings.Identity()
	if !ok {
		return nil, errors.New("no service is known yet; run: prollyctl space sync URL")
	}
	return &space.Client{URL: s.settings.URL, Service: id, Agent: key}, nil
}

// identify asks who answers at a URL, and notes it.
func (s *spaceSession) identify(ctx context.Context, url string) error {
	if url == "" {
		url = s.settings.URL
	}
	if url == "" {
		return usagef("no service is known yet: give its URL")
	}
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	id, err := space.Identify(ctx, url, nil)
	if err != nil {
		return err
	}
	if err := s.settings.SetIdentity(url, id); err != nil {
		return err
	}
	return s.SetSettings(ctx, s.settings)
}

type spaceCreateOptions struct{ key, did string }

func newSpaceCreate(a *app) *cobra.Command {
	var o spaceCreateOptions
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a space, and a store for it where there is none",
		Long: `create makes a space, with a new key or that of --key FILE. The same key file on
another device makes a replica of the same space. With --did the space is someone
else's, and the key that of an agent, which needs delegations to work on it.`,
		Example: `  prollyctl space create
  prollyctl space create --key ~/space.key
  prollyctl --store second space create --key ~/space.key`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.spaceCreate(c.Context(), o) },
	}
	c.Flags().StringVar(&o.key, "key", "", "file of the key; made when it is not there (default space.key in the store)")
	c.Flags().StringVar(&o.did, "did", "", "DID of the space, when the key is another's")
	return c
}

func (a *app) spaceCreate(ctx context.Context, o spaceCreateOptions) error {
	var created bool
	do := func(s *session) error {
		path := o.key
		if path == "" {
			path = filepath.Join(a.store, keyName)
		}
		path, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		agent, made, err := loadOrMakeKey(path)
		if err != nil {
			return err
		}
		id := agent
		if o.did != "" {
			id = o.did
		}
		did, err := space.ParseDID(id)
		if err != nil {
			return usageError{err}
		}
		sp, err := space.Open(ctx, s.e, did)
		if err != nil {
			return err
		}
		v, err := sp.Settings(ctx)
		if err != nil {
			return err
		}
		v.KeyFile = path
		if err := sp.SetSettings(ctx, v); err != nil {
			return err
		}
		return s.print(map[string]any{"space": id, "agent": agent, "key": path, "keyMade": made, "storeMade": created}, func(w io.Writer) {
			fmt.Fprintf(w, "%s\n", id)
		})
	}
	err := a.writing(ctx, do)
	if errors.Is(err, engine.ErrNoStore) {
		created = true
		err = a.open(ctx, &engine.Options{}, do)
	}
	return err
}

// loadOrMakeKey returns the DID of the key in a file, which is made when it is
// missing.
func loadOrMakeKey(path string) (id string, made bool, err error) {
	k, err := auth.LoadKey(path)
	if errors.Is(err, os.ErrNotExist) {
		made = true
		if k, err = auth.NewKey(); err == nil {
			err = auth.SaveKey(path, k)
		}
	}
	if err != nil {
		return "", false, err
	}
	return k.DID().String(), made, nil
}

func newSpaceInfo(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "info",
		Short:   "What the space is and holds",
		Long:    `info prints the space's DID, its root, what waits in its queue, and its service.`,
		Example: "  prollyctl space info\n  prollyctl space info -o json",
		Args:    wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.inSpace(c.Context(), func(s *spaceSession) error { return s.info(c.Context()) })
		},
	}
}

func (s *spaceSession) info(ctx context.Context) error {
	snap, err := s.Branch().Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	queued := 0
	for _, err := range s.Range(ctx, prefixRange(space.PrefixQueue)) {
		if err != nil {
			return err
		}
		queued++
	}
	agent := ""
	if k, err := auth.LoadKey(s.settings.KeyFile); err == nil {
		agent = k.DID().String()
	}
	v := map[string]any{
		"space": s.DID().String(), "agent": agent, "key": s.settings.KeyFile, "root": snap.Root(), "entries": snap.Tree().Len(),
		"queued": queued, "service": s.settings.Service, "url": s.settings.URL,
	}
	return s.print(v, func(w io.Writer) {
		fmt.Fprintf(w, "space    %s\nagent    %s\nroot     %v\nentries  %d\nqueued   %d\n", s.DID(), agent, snap.Root(), snap.Tree().Len(), queued)
		if s.settings.Service != "" {
			fmt.Fprintf(w, "service  %s at %s\n", s.settings.Service, s.settings.URL)
		}
	})
}
