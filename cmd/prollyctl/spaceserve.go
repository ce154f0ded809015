package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/space"
)

type spaceServeOptions struct {
	listen, did, key, url, mailDir, smtp, mailFrom string
	capacity                                       uint64
	quiet                                          bool
	upkeep                                         space.Upkeep
	memory                                         uint64
}

func newSpaceServe(a *app) *cobra.Command {
	var o spaceServeOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Be a service for spaces",
		Long: `serve keeps spaces in a store, answers invocations and syncs, stores blobs, and
sends mails. The first line that it prints, when it accepts connections, is
"listening on http://ADDR as DID". It ends in order on SIGINT and SIGTERM.

Blocks that nothing needs any more, and states of spaces that are older than
--history, are removed while it runs.

GET /health and GET /metrics tell how it is.`,
		Example: `  prollyctl --store srv space serve --listen 127.0.0.1:8080 --did did:web:example.org --key service.key --capacity 1073741824 --mail-dir mail
  prollyctl --store srv space serve --listen :443 --url https://example.org --smtp mail.example.org:587 --mail-from no-reply@example.org`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.spaceServe(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address to listen on")
	f.StringVar(&o.did, "did", "", "DID of the service, such as did:web:example.org (default the key's)")
	f.StringVar(&o.key, "key", "", "file of the service's key; made when it is not there (default service.key in the store)")
	f.Uint64Var(&o.capacity, "capacity", 1<<30, "bytes that each space may have stored")
	f.StringVar(&o.url, "url", "", "where clients reach the service (default http://ADDR)")
	f.StringVar(&o.mailDir, "mail-dir", "", "write mails as files into this directory")
	f.StringVar(&o.smtp, "smtp", "", "send mails through this server, host:port")
	f.StringVar(&o.mailFrom, "mail-from", "", "sender of mails")
	f.DurationVar(&o.upkeep.Every, "collect-every", time.Hour, "time between collections of garbage; below 0 there are none")
	f.Uint64Var(&o.upkeep.Grown, "collect-grown", 1<<30, "collect earlier when the store has grown by so many bytes, and by half")
	f.DurationVar(&o.upkeep.History, "history", 30*24*time.Hour, "how long former states of spaces are kept; below 0 for ever")
	f.Uint64Var(&o.memory, "memory", 0, fmt.Sprintf("bytes of memory to keep to, about, at least %d (default %d, or GOMEMLIMIT)", int64(space.MinMemory), int64(space.Memory)))
	f.BoolVar(&o.quiet, "quiet", false, "log errors only")
	return c
}

func (o spaceServeOptions) mailer() (space.Mailer, error) {
	switch {
	case o.mailDir != "" && o.smtp != "":
		return nil, usagef("--mail-dir and --smtp exclude each other")
	case o.smtp != "" && o.mailFrom == "":
		return nil, usagef("--smtp needs --mail-from")
	case o.mailDir != "":
		return space.MailDir(o.mailDir), nil
	case o.smtp != "":
		return space.SMTP{Addr: o.smtp, From: o.mailFrom}, nil
	}
	return nil, nil
}

func (a *app) spaceServe(ctx context.Context, o spaceServeOptions) error {
	mailer, err := o.mailer()
	if err != nil {
		return err
	}
	if o.memory > 0 && (o.memory < space.MinMemory || o.memory > math.MaxInt64) {
		return usagef("--memory must be at least %d", int64(space.MinMemory))
	}
	if o.upkeep.Every == 0 || o.upkeep.History == 0 || o.upkeep.Grown == 0 {
		return usagef("--collect-every, --collect-grown and --history must not be 0")
	}
	return a.open(ctx, &engine.Options{}, func(s *session) error {
		if o.key == "" {
			o.key = filepath.Join(a.store, "service.key")
		}
		if _, _, err := loadOrMakeKey(o.key); err != nil {
			return err
		}
		key, err := auth.LoadKey(o.key)
		if err == nil && o.did != "" {
			key, err = auth.WithDID(key, o.did)
		}
		if err != nil {
			return err
		}
		blobs, err := space.OpenBlobs(filepath.Join(a.store, blobsName))
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", o.listen)
		if err != nil {
			return err
		}
		if o.url == "" {
			o.url = "http://" + l.Addr().String()
		}
		level := slog.LevelInfo
		if o.quiet {
			level = slog.LevelError
		}
		svc, err := space.NewService(ctx, space.ServiceOptions{
			Engine: s.e, Signer: key, Blobs: blobs, Capacity: o.capacity, URL: o.url, Mailer: mailer,
			Limits: space.Limits{Memory: space.BoundMemory(int64(o.memory))}, Upkeep: o.upkeep,
			Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level})),
		})
		if err != nil {
			return also(err, l.Close())
		}
		fmt.Fprintf(a.stdout, "listening on http://%s as %s\n", l.Addr(), svc.DID())
		if err := a.stdout.Flush(); err != nil {
			return also(err, l.Close())
		}
		return svc.Serve(ctx, l)
	})
}
