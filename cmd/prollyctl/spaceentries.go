package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/space"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func prefixRange(prefix string) prolly.Range { return prolly.Range{Prefix: []byte(prefix)} }

func newSpaceLs(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "ls [PREFIX]",
		Short:   "List entries",
		Long:    `ls lists the entries whose keys begin with PREFIX, or all of them.`,
		Example: "  prollyctl space ls\n  prollyctl space ls /blob/\n  prollyctl space ls /invocation/queue/ -o json",
		Args:    wantArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			return a.inSpace(ctx, func(s *spaceSession) error {
				p := s.entries(ctx)
				for e, err := range s.Range(ctx, prefixRange(optional(args, 0))) {
					if err == nil {
						err = p.add(e)
					}
					if err != nil {
						return err
					}
				}
				return p.end()
			})
		},
	}
}

func newSpaceGet(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "get KEY",
		Short: "Print a value",
		Long: `get prints the value of KEY as it is, or with -o json the entry. The value of a
link is its CID.`,
		Example: "  prollyctl space get /user/notes\n  prollyctl space get /user/notes -o json",
		Args:    wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.inSpace(c.Context(), func(s *spaceSession) error { return s.get(c.Context(), []byte(args[0])) })
		},
	}
}

func (s *spaceSession) get(ctx context.Context, key []byte) error {
	e, err := s.Branch().Lookup(ctx, key)
	if errors.Is(err, engine.ErrNotFound) {
		return keyNotFound(key)
	}
	if err != nil {
		return err
	}
	if s.output != text {
		return s.entries(ctx).one(e)
	}
	if e.Value.Link.Defined() {
		_, err = fmt.Fprintln(s.stdout, e.Value.Link)
		return err
	}
	b, err := s.Get(ctx, key)
	if err != nil {
		return err
	}
	if s.outTTY {
		b = append(plain.Append(nil, b), '\n')
	}
	_, err = s.stdout.Write(b)
	return err
}

func newSpacePut(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "put KEY VALUE|-",
		Short: "Set a key",
		Long: `put sets a key to a value, or with - to all of standard input. Any key is yours to
set, but what stands under /blob/, /upload/, /receipt/ and /invocation/run/ and
was not issued by the service is refused at the next sync.`,
		Example: "  prollyctl space put /user/name Alice\n  prollyctl space put /user/notes - < notes.txt",
		Args:    wantArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := a.value(args[1], false)
			if err != nil {
				return err
			}
			return a.onSpace(c.Context(), func(s *spaceSession) error {
				if err := s.Put(c.Context(), []byte(args[0]), v.Bytes); err != nil {
					return err
				}
				return s.committed(c.Context(), "put "+args[0])
			})
		},
	}
}

// committed records the space in its history and prints where it stands.
func (s *spaceSession) committed(ctx context.Context, message string) error {
	c, err := s.Commit(ctx, message)
	if err != nil {
		return err
	}
	return s.print(map[string]any{"root": c.Root, "commit": c.CID}, func(w io.Writer) { fmt.Fprintf(w, "%v\n", c.Root) })
}

func newSpaceBlob(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "blob",
		Short:   "Files in the space",
		Long:    `blob adds files to the space, and lists them with their state.`,
		Example: "  prollyctl space blob add photo.jpg\n  prollyctl space blob ls",
		Args:    wantArgs(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "add FILE…",
		Short: "Queue files to be stored by the service",
		Long: `add keeps the bytes of files and queues an invocation for each that asks the
service to store it. The next sync sends them.`,
		Example: "  prollyctl space blob add photo.jpg letter.pdf",
		Args:    wantArgs(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onSpace(c.Context(), func(s *spaceSession) error { return s.blobAdd(c.Context(), args) })
		},
	}, &cobra.Command{
		Use:   "ls",
		Short: "List blobs with their state",
		Long: `ls lists the blobs with their size and state, as the receipts in the space show it:
queued, refused, failed, pending, delivered, located or expired. No service is
asked. An entry that no receipt of the service stands behind is "unknown".`,
		Example: "  prollyctl space blob ls\n  prollyctl space blob ls -o jsonl",
		Args:    wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.inSpace(c.Context(), func(s *spaceSession) error { return s.blobLs(c.Context()) })
		},
	})
	return c
}

// spaceBlobInfo is a blob as JSON.
type spaceBlobInfo struct {
	Digest string `json:"digest"`
	Size   uint64 `json:"size"`
	State  string `json:"state"`
	File   string `json:"file,omitempty"`
	Error  string `json:"error,omitempty"`
}

func printBlobs(a *app, list []spaceBlobInfo) error {
	return printList(a, list, func(w io.Writer, b spaceBlobInfo) {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", b.State, b.Size, b.Digest, plain.String(b.File+b.Error))
	})
}

func (s *spaceSession) blobAdd(ctx context.Context, files []string) error {
	if err := s.openBlobs(); err != nil {
		return err
	}
	_, known := s.settings.Identity()
	var list []spaceBlobInfo
	for _, name := range files {
		b, err := s.addFile(ctx, name, known)
		if err != nil {
			return err
		}
		list = append(list, spaceBlobInfo{Digest: b.Name(), Size: b.Size, State: b.State.String(), File: name})
	}
	if _, err := s.Commit(ctx, fmt.Sprintf("add %d blobs", len(files))); err != nil {
		return err
	}
	return printBlobs(s.app, list)
}

func (s *spaceSession) addFile(ctx context.Context, name string, known bool) (b space.Blob, err error) {
	f, err := os.Open(name)
	if err != nil {
		return b, err
	}
	defer f.Close() // only read from
	b, err = s.blobs.AddBlob(f)
	if err != nil {
		return b, err
	}
	if !known { // signed when it is known for whom
		return b, s.WantBlob(ctx, b.Digest, b.Size)
	}
	c, err := s.client()
	if err != nil {
		return b, err
	}
	_, err = s.AddBlob(ctx, c, b.Digest, b.Size)
	return b, err
}

func (s *spaceSession) blobLs(ctx context.Context) error {
	list := []spaceBlobInfo{}
	wanted, err := s.Wanted(ctx)
	if err != nil {
		return err
	}
	for _, b := range wanted {
		list = append(list, spaceBlobInfo{Digest: b.Name(), Size: b.Size, State: b.State.String()})
	}
	id, known := s.settings.Identity()
	if !known {
		return printBlobs(s.app, list)
	}
	for b, err := range s.Blobs(ctx, id, time.Now()) {
		if err != nil {
			return err
		}
		i := spaceBlobInfo{Digest: b.Name(), Size: b.Size, State: b.State.String()}
		if b.Err != nil {
			i.Error = b.Err.Error()
		}
		list = append(list, i)
	}
	return printBlobs(s.app, list)
}

func newSpaceDelegations(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "delegations",
		Short:   "List the delegations in the space",
		Long:    `delegations lists what stands under /delegation/ and is a UCAN.`,
		Example: "  prollyctl space delegations -o json",
		Args:    wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.inSpace(c.Context(), func(s *spaceSession) error { return s.delegations(c.Context()) })
		},
	}
}

// delegationInfo is a delegation as JSON.
type delegationInfo struct {
	CID      cid.Cid          `json:"cid"`
	Issuer   string           `json:"iss"`
	Audience string           `json:"aud"`
	Att      []capabilityInfo `json:"att"`
}

type capabilityInfo struct {
	Can  string `json:"can"`
	With string `json:"with"`
}

func (s *spaceSession) delegations(ctx context.Context) error {
	list := []delegationInfo{}
	for d, err := range s.Delegations(ctx) {
		if err != nil {
			return err
		}
		i := delegationInfo{CID: d.CID(), Issuer: d.Issuer().String(), Audience: d.Audience().String()}
		for _, c := range d.Capabilities() {
			i.Att = append(i.Att, capabilityInfo{c.Can, c.With})
		}
		list = append(list, i)
	}
	return printList(s.app, list, func(w io.Writer, d delegationInfo) {
		fmt.Fprintf(w, "%v\t%s\t%s\t%s\n", d.CID, plain.String(d.Issuer), plain.String(d.Audience), plain.String(fmt.Sprint(d.Att)))
	})
}
