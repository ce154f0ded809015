package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	mh "github.com/multiformats/go-multihash"
	"golang.org/x/sync/errgroup"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/space"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// blobSize is what each invocation asks room for, in bytes.
const blobSize = 1000

// client has spaces of its own, in memory. It belongs to one goroutine.
type client struct {
	o      *options
	c      *http.Client
	e      *engine.Engine
	spaces []replica
	rand   *rand.Rand
	n      uint64 // entries written
	phase  tally
}

// replica is a space and who holds its key.
type replica struct {
	*space.Space
	c      *space.Client
	queued int // blobs asked for, in all
}

// tally is what a client saw while it did one kind of thing.
type tally struct {
	exchanges []time.Duration // from a request's first byte to the answer's last
	syncs     []time.Duration // of Space.Sync, with the client's own work
	bytes     uint64
	ran       int
	queued    int
	errors    map[string]int
}

func (t *tally) add(x tally) {
	t.exchanges = append(t.exchanges, x.exchanges...)
	t.syncs = append(t.syncs, x.syncs...)
	t.bytes, t.ran, t.queued = t.bytes+x.bytes, t.ran+x.ran, t.queued+x.queued
	for text, n := range x.errors {
		t.fail(errors.New(text), n)
	}
}

func (t *tally) fail(err error, n int) {
	if t.errors == nil {
		t.errors = map[string]int{}
	}
	t.errors[err.Error()] += n
}

// timed notes how long each exchange takes, until its answer has been read.
type timed struct {
	http.RoundTripper
	took *[]time.Duration
}

func (t timed) RoundTrip(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	res, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = &timedBody{res.Body, func() { *t.took = append(*t.took, time.Since(begin)) }}
	}
	return res, err
}

// clients makes them, each with its share of the spaces.
func (o *options) makeClients(ctx context.Context, url string) (all []*client, err error) {
	transport := &http.Transport{MaxIdleConns: o.clients, MaxIdleConnsPerHost: o.clients}
	id, err := space.Identify(ctx, url, &http.Client{Transport: transport})
	if err != nil {
		return nil, err
	}
	for i := range o.clients {
		c := &client{o: o, rand: rand.New(rand.NewPCG(o.seed, uint64(i)))}
		c.c = &http.Client{Transport: timed{transport, &c.phase.exchanges}, Timeout: time.Minute}
		if c.e, err = engine.New(memkv.New(), &engine.Options{CacheBytes: 4 << 20}); err != nil {
			return all, err
		}
		all = append(all, c)
		for range o.spaces/o.clients + min(max(o.spaces%o.clients-i, 0), 1) {
			key, err := auth.NewKey()
			if err != nil {
				return all, err
			}
			s, err := space.Open(ctx, c.e, key.DID())
			if err != nil {
				return all, err
			}
			c.spaces = append(c.spaces, replica{s, &space.Client{URL: url, Service: id, Agent: key, HTTP: c.c}, 0})
		}
	}
	return all, nil
}

func closeAll(all []*client) (err error) {
	for _, c := range all {
		c.c.CloseIdleConnections()
		err = errors.Join(err, c.e.Close())
	}
	return err
}

// together has every client do f, and adds up what they saw.
func together(ctx context.Context, all []*client, f func(context.Context, *client) error) (sum tally, took time.Duration, err error) {
	begin := time.Now()
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range all {
		g.Go(func() error {
			c.phase = tally{}
			err := f(ctx, c)
			mu.Lock()
			sum.add(c.phase)
			mu.Unlock()
			return err
		})
	}
	err = g.Wait()
	return sum, time.Since(begin), err
}

// provision syncs each space for the first time.
func (c *client) provision(ctx context.Context) error {
	for i := range c.spaces {
		if err := c.write(ctx, &c.spaces[i], 10*c.o.edits); err != nil {
			return err
		}
		c.sync(ctx, &c.spaces[i])
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// rounds writes into a space and syncs it until the time is over.
func (c *client) rounds(ctx context.Context, until time.Time) error {
	for time.Now().Before(until) {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := &c.spaces[c.rand.IntN(len(c.spaces))]
		if err := c.write(ctx, r, c.o.edits); err != nil {
			return err
		}
		if c.rand.Float64() < c.o.invoke {
			if err := c.queue(ctx, r); err != nil {
				return err
			}
		}
		c.sync(ctx, r)
	}
	return nil
}

// write puts entries of 100 bytes, half of them over earlier ones.
func (c *client) write(ctx context.Context, r *replica, n int) error {
	var edits []prolly.Edit
	for range n {
		c.n++
		value := make([]byte, 100)
		binary.BigEndian.PutUint64(value, c.n)
		edits = append(edits, prolly.Edit{
			Key:   fmt.Appendf(nil, "/user/%03d", c.rand.IntN(20*c.o.edits)),
			Value: prolly.Value{Bytes: value},
		})
	}
	return r.Branch().Apply(ctx, edits, engine.NoSync)
}

// queue asks for room for a blob.
func (c *client) queue(ctx context.Context, r *replica) error {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], c.rand.Uint64())
	binary.BigEndian.PutUint64(b[8:], c.rand.Uint64())
	sum := sha256.Sum256(b[:])
	digest, err := mh.Encode(sum[:], mh.SHA2_256)
	if err != nil {
		return err
	}
	if _, err := r.AddBlob(ctx, r.c, digest, blobSize); err != nil {
		return err
	}
	r.queued++
	c.phase.queued++
	return nil
}

// sync brings a space and the service together (V1).
func (c *client) sync(ctx context.Context, r *replica) {
	begin := time.Now()
	report, err := r.Sync(ctx, r.c)
	if err != nil {
		if ctx.Err() == nil {
			c.phase.fail(err, 1)
		}
		return
	}
	c.phase.syncs = append(c.phase.syncs, time.Since(begin))
	c.phase.bytes += report.Bytes
	c.phase.ran += report.Ran
	switch root, err := r.Branch().Root(ctx); {
	case err != nil:
		c.phase.fail(err, 1)
	case !root.Equals(report.Root):
		c.phase.fail(errors.New("V1 violated: another root than the service has"), 1)
	case len(report.Refused)+len(report.Conflicts) > 0:
		c.phase.fail(errors.New("V1 violated: entries were refused, or conflict"), 1)
	}
}

// quantile of times, which it sorts: the smallest that no more than 1-q exceed.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	i := int(q*float64(len(times))+0.5) - 1
	return times[min(max(i, 0), len(times)-1)]
}
