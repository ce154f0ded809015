package space

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// How long a connection may take for each part of a request. Bodies of blobs may
// be long: between bytes only the idle time counts, kept by the kernel.
const (
	headerTimeout = 10 * time.Second
	requestTime   = 30 * time.Minute
	idleTimeout   = 2 * time.Minute
	shutdownTime  = 10 * time.Second
	headerBytes   = 64 << 10
)

// Serve answers on a listener until ctx is done, then lets the requests under
// way end, for ten seconds. It closes the listener. Meanwhile garbage is collected
// as ServiceOptions.Upkeep says; a collection under way is interrupted.
func (s *Service) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTime, WriteTimeout: requestTime,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
	}
	keeping, stop := context.WithCancel(ctx)
	kept := make(chan struct{})
	go func() { defer close(kept); s.upkeep(keeping) }()
	defer func() { stop(); <-kept }()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("space: serve: %w", err)
	case <-ctx.Done():
	}
	// The context of the requests is not that one: they may end.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := srv.Shutdown(end)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	if e := <-done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if err = errors.Join(err, s.e.Sync(end)); err != nil {
		return fmt.Errorf("space: serve: %w", err)
	}
	return nil
}
