package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/space"
)

// capacity of each space, in bytes: more than the clients ask for.
const capacity = 1 << 40

// served is what the service tells when it ends.
type served struct {
	HeapPeak  uint64   `json:"heapPeak"` // bytes
	LivePeak  uint64   `json:"livePeak"` // bytes that a collection left, at most
	HeapEnd   uint64   `json:"heapEnd"`
	OpenPeak  int      `json:"openPeak"` // branches in memory
	OpenEnd   int      `json:"openEnd"`
	Cache     uint64   `json:"cache"` // bytes
	Disk      uint64   `json:"disk"`  // bytes
	Spaces    int      `json:"spaces"`
	Usage     uint64   `json:"usage"`   // bytes, of the spaces audited
	Audited   int      `json:"audited"` // spaces
	Problems  []string `json:"problems"`
	Goroutine int      `json:"goroutines"`
}

// serve is a service until its input ends. The first line of its output says
// where it listens, the second is served.
func (o *options) serve(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	e, err := engine.Open(filepath.Join(o.dir, "store"), &engine.Options{CacheBytes: o.cache, OpenBranches: o.open})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	blobs, err := space.OpenBlobs(filepath.Join(o.dir, "blobs"))
	if err != nil {
		return err
	}
	key, err := auth.NewKey()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	svc, err := space.NewService(ctx, space.ServiceOptions{Engine: e, Signer: key, Blobs: blobs, Capacity: capacity, URL: url,
		Limits: space.Limits{Memory: space.BoundMemory(o.memory)}})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	stop, err := o.profile()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := fmt.Fprintln(out, url); err != nil {
		return errors.Join(err, l.Close())
	}
	watched := watch(ctx, e)
	go func() {
		_, _ = bufio.NewReader(in).ReadByte() // its end, however it comes
		cancel()
	}()
	if err := svc.Serve(ctx, l); err != nil {
		return err
	}
	r := <-watched
	if err := stop(); err != nil {
		return err
	}
	if err := o.inspect(context.WithoutCancel(ctx), e, space.Identity{DID: key.DID(), Key: key.DID()}, r); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// watch measures every 100 ms until ctx is done.
func watch(ctx context.Context, e *engine.Engine) <-chan *served {
	ended := make(chan *served, 1)
	go func() {
		r := &served{}
		defer func() { ended <- r }()
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			s := e.Stats()
			r.OpenPeak, r.OpenEnd = max(r.OpenPeak, s.Branches), s.Branches
			metrics.Read(heap)
			r.HeapPeak, r.LivePeak = max(r.HeapPeak, heap[0].Value.Uint64()), max(r.LivePeak, heap[1].Value.Uint64())
			r.Goroutine = max(r.Goroutine, runtime.NumGoroutine())
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	return ended
}

// profile begins a CPU profile; what it returns ends it and writes the heap's.
func (o *options) profile() (stop func() error, err error) {
	if o.pprof == "" {
		return func() error { return nil }, nil
	}
	cpu, err := os.Create(filepath.Join(o.pprof, "service.cpu"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(err, cpu.Close())
	}
	runtime.SetBlockProfileRate(10_000) // a sample for each 10 µs
	return func() error {
		pprof.StopCPUProfile()
		if err := writeProfile(filepath.Join(o.pprof, "service.block"), "block"); err != nil {
			return errors.Join(err, cpu.Close())
		}
		heap, err := os.Create(filepath.Join(o.pprof, "service.heap"))
		if err != nil {
			return errors.Join(err, cpu.Close())
		}
		runtime.GC()
		return errors.Join(pprof.WriteHeapProfile(heap), heap.Close(), cpu.Close())
	}, nil
}

func writeProfile(path, name string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(name).WriteTo(f, 0), f.Close())
}

// inspect measures what is left, and audits some of the spaces.
func (o *options) inspect(ctx context.Context, e *engine.Engine, id space.Identity, r *served) error {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := e.Stats()
	r.HeapEnd, r.Cache, r.Disk = m.HeapAlloc, s.CacheBytes, s.DiskBytes
	all, err := space.List(ctx, e)
	if err != nil {
		return err
	}
	r.Spaces = len(all)
	step := max(len(all)/max(o.audit, 1), 1)
	for i := 0; i < len(all) && r.Audited < o.audit; i += step {
		a, err := space.AuditSpace(ctx, e, id, all[i])
		if err != nil {
			return fmt.Errorf("audit of %v: %w", all[i], err)
		}
		r.Audited++
		r.Usage += a.Usage
		r.Problems = append(r.Problems, a.Problems...)
	}
	return nil
}
