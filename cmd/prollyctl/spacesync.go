package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine/space"
)

func newSpaceQueue(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "queue CAR…",
		Short: "Queue signed invocations",
		Long: `queue takes invocations that others signed, each a CAR whose root is the
invocation or an archive of it, or a message of several, and puts them into the
space's queue. The service runs them at the next sync.`,
		Example: "  prollyctl space queue invocation.car\n  prollyctl space queue out/*.car",
		Args:    wantArgs(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onSpace(c.Context(), func(s *spaceSession) error { return s.queue(c.Context(), args) })
		},
	}
}

func (s *spaceSession) queue(ctx context.Context, files []string) error {
	all := []cid.Cid{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		list, err := s.QueueCAR(ctx, f)
		if err = also(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, list...)
	}
	if _, err := s.Commit(ctx, fmt.Sprintf("queue %d invocations", len(all))); err != nil {
		return err
	}
	return printList(s.app, all, func(w io.Writer, c cid.Cid) { fmt.Fprintln(w, c) })
}

type spaceInvokeOptions struct{ with, nb string }

func newSpaceInvoke(a *app) *cobra.Command {
	var o spaceInvokeOptions
	c := &cobra.Command{
		Use:   "invoke CAP",
		Short: "Sign an invocation, and queue or send it",
		Long: `invoke signs an invocation of the capability CAP, about the space or what --with
says, with the fields of --nb (DAG-JSON), and queues it. With --now it is sent at
once and its receipt printed.`,
		Example: `  prollyctl space invoke space/blob/list
  prollyctl space invoke space/blob/list --now
  prollyctl space invoke upload/add --nb '{"root": {"/": "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"}, "shards": []}'`,
		Args: wantArgs(1, 1),
	}
	var now bool
	c.Flags().StringVar(&o.with, "with", "", "resource: a DID (default the space)")
	c.Flags().StringVar(&o.nb, "nb", "{}", "fields, as DAG-JSON")
	c.Flags().BoolVar(&now, "now", false, "send it to the service instead of queueing it")
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.onSpace(c.Context(), func(s *spaceSession) error { return s.invoke(c.Context(), args[0], o, now) })
	}
	return c
}

func (s *spaceSession) invoke(ctx context.Context, can string, o spaceInvokeOptions, now bool) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	with := o.with
	if with == "" {
		with = s.DID().String()
	}
	if now {
		r, err := s.InvokeNow(ctx, c, can, with, []byte(o.nb))
		if err != nil {
			return err
		}
		return s.printReceipt(r)
	}
	inv, err := s.QueueInvocation(ctx, c, can, with, []byte(o.nb))
	if err != nil {
		return err
	}
	if _, err := s.Commit(ctx, "queue "+can); err != nil {
		return err
	}
	return s.print(map[string]any{"invocation": inv}, func(w io.Writer) { fmt.Fprintln(w, inv) })
}

// printReceipt prints what a receipt says; the exit status is 1 for an error.
func (s *spaceSession) printReceipt(r space.Outcome) error {
	err := s.print(r, func(w io.Writer) {
		if r.Error != "" {
			fmt.Fprintf(w, "error %s: %s\n", plain.String(r.Error), plain.String(r.Message))
		} else {
			fmt.Fprintf(w, "ok %s\n", plain.String(string(r.OK)))
		}
	})
	if err == nil && r.Error != "" {
		err = errNo
	}
	return err
}

func newSpaceSync(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "sync [URL]",
		Short: "Bring the space and its service together",
		Long: `sync sends what changed, takes what the service changed, has the queue run, and
sends the bytes of blobs that the service has given an address for. URL is
remembered; so is the key that answered there, which must stay the same.`,
		Example: "  prollyctl space sync http://localhost:8080\n  prollyctl space sync",
		Args:    wantArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onSpace(c.Context(), func(s *spaceSession) error { return s.syncNow(c.Context(), optional(args, 0)) })
		},
	}
}

// spaceSyncInfo is what came of a sync, as JSON.
type spaceSyncInfo struct {
	Root      cid.Cid       `json:"root"`
	Sent      int           `json:"sent"`
	Received  int           `json:"received"`
	Ran       int           `json:"ran"`
	Uploaded  int           `json:"uploaded"`
	Bytes     uint64        `json:"bytes"`
	Trips     int           `json:"trips"`
	Refused   []refusalInfo `json:"refused"`
	Conflicts []string      `json:"conflicts"`
}

type refusalInfo struct {
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

func (i *spaceSyncInfo) add(r *space.Report) {
	i.Root, i.Sent, i.Received, i.Ran = r.Root, i.Sent+r.Sent, i.Received+r.Received, i.Ran+r.Ran
	i.Bytes, i.Trips = i.Bytes+r.Bytes, i.Trips+r.Trips
	for _, x := range r.Refused {
		i.Refused = append(i.Refused, refusalInfo{string(x.Key), x.Reason})
	}
	for _, k := range r.Conflicts {
		i.Conflicts = append(i.Conflicts, string(k))
	}
}

func (s *spaceSession) syncNow(ctx context.Context, url string) error {
	if err := s.identify(ctx, url); err != nil {
		return err
	}
	if err := s.openBlobs(); err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	if err := s.AddWanted(ctx, c); err != nil {
		return err
	}
	info := spaceSyncInfo{Refused: []refusalInfo{}, Conflicts: []string{}}
	for {
		r, err := s.Sync(ctx, c)
		if err != nil {
			return err
		}
		info.add(r)
		n, err := s.Deliver(ctx, c, s.blobs, time.Now())
		info.Uploaded += n
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	return s.print(info, func(w io.Writer) {
		fmt.Fprintf(w, "%v\n%s sent, %s received, %s run, %s uploaded, %s in %s\n", info.Root,
			many(uint64(info.Sent), "entry", "entries"), many(uint64(info.Received), "entry", "entries"),
			many(uint64(info.Ran), "invocation", "invocations"), many(uint64(info.Uploaded), "blob", "blobs"),
			size(info.Bytes), many(uint64(info.Trips), "round trip", "round trips"))
		for _, r := range info.Refused {
			fmt.Fprintf(w, "refused   %s: %s\n", plain.String(r.Key), plain.String(r.Reason))
		}
		for _, k := range info.Conflicts {
			fmt.Fprintf(w, "conflict  %s: the service's stays\n", plain.String(k))
		}
	})
}

func newSpaceLogin(a *app) *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:   "login EMAIL",
		Short: "Ask an account for a delegation, by mail",
		Long: `login asks the account of a mail address to let this agent act for it. The service
sends a mail with a link that is good for 15 minutes; when it was confirmed, the
next sync brings the delegation, under /delegation/.`,
		Example: "  prollyctl space login alice@example.org\n  prollyctl space login alice@example.org --url http://localhost:8080",
		Args:    wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onSpace(c.Context(), func(s *spaceSession) error { return s.login(c.Context(), args[0], url) })
		},
	}
	c.Flags().StringVar(&url, "url", "", "the service, when it is not known yet")
	return c
}

func (s *spaceSession) login(ctx context.Context, email, url string) error {
	if err := s.identify(ctx, url); err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	inv, err := s.Login(ctx, c, email)
	if err != nil {
		return err
	}
	r, err := s.Sync(ctx, c)
	if err != nil {
		return err
	}
	return s.print(map[string]any{"request": inv, "root": r.Root, "email": email}, func(w io.Writer) {
		fmt.Fprintf(w, "a mail goes to %s; confirm, then run: prollyctl space sync\n", plain.String(email))
	})
}
