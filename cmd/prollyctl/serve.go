package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-ds-prolly/go-ds-prolly/engine/sync"
)

type serveOptions struct {
	listen, tokenFile string
	write, publicRead bool
	force             bool
	concurrent        int
}

func newServe(a *app) *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the branches of the store to clone, pull and push",
		Long: `serve answers clone, pull and push over HTTP, and serves blocks and CARs under
/ipfs/CID as a trustless gateway does. It is read-only unless --write is given,
which needs a token. With a token everything needs it; --public-read leaves reading
open. The first line printed is "listening on http://ADDR". It ends in order on
SIGINT and SIGTERM: what is being answered is answered to the end.`,
		Example: `  prollyctl serve
  prollyctl serve --listen :8480 --write --token-file token --public-read
  curl -H 'Accept: application/vnd.ipld.car' http://localhost:8480/ipfs/CID -o tree.car`,
		Args: wantArgs(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8480", "address to listen on")
	f.BoolVar(&o.write, "write", false, "accept pushes from who has the token")
	f.BoolVar(&o.force, "allow-force", false, "with --write: accept pushes that take something from a branch")
	f.StringVar(&o.tokenFile, "token-file", "", "file with the bearer token that is asked for")
	f.BoolVar(&o.publicRead, "public-read", false, "reading needs no token")
	f.IntVar(&o.concurrent, "max-requests", 64, "requests answered at once")
	return c
}

// authorize returns what the options allow.
func (o *serveOptions) authorize() (sync.Authorize, error) {
	if o.tokenFile == "" {
		if o.write {
			return nil, usagef("--write needs --token-file")
		}
		return sync.ReadOnly, nil
	}
	b, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return nil, err
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return nil, fmt.Errorf("there is no token in %s", o.tokenFile)
	}
	bearer := sync.BearerToken(token, o.publicRead)
	return func(r *http.Request, op sync.Op) error {
		if err := bearer(r, op); err != nil || o.write {
			return err
		}
		return sync.ReadOnly(r, op)
	}, nil
}

// Limits of connections. An answer may take as long as it makes progress.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	shutdownTime  = 20 * time.Second
)

func (a *app) serve(ctx context.Context, o serveOptions) error {
	authorize, err := o.authorize()
	if err != nil {
		return err
	}
	if o.force && !o.write {
		return usagef("--allow-force needs --write")
	}
	open := a.reading
	if o.write {
		open = a.writing
	}
	return open(ctx, func(s *session) error {
		l, err := net.Listen("tcp", o.listen)
		if err != nil {
			return err
		}
		log := slog.New(slog.NewTextHandler(a.stderr, nil))
		srv := &http.Server{
			Handler:           sync.NewHandler(s.e, sync.HandlerOptions{Authorize: authorize, Force: o.force, MaxConcurrent: o.concurrent, Logger: log}),
			ReadHeaderTimeout: headerTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}
		fmt.Fprintf(a.stdout, "listening on http://%s\n", l.Addr())
		if err := a.stdout.Flush(); err != nil {
			return also(err, l.Close())
		}
		return serveUntil(ctx, srv, l)
	})
}

// serveUntil serves until ctx ends, and then until what is being answered is
// answered, or shutdownTime has passed.
func serveUntil(ctx context.Context, srv *http.Server, l net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := srv.Shutdown(late)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	if closed := <-served; !errors.Is(closed, http.ErrServerClosed) {
		err = errors.Join(err, closed)
	}
	return err
}
