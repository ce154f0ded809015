package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/space"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

var spaceKills = flag.Int("space.kills", 8, "how often TestSpaceKilled kills the service")

// killer is two devices of one space, and what they have asked for.
type killer struct {
	*spaceServer
	rnd     *rand.Rand
	devices []*space.Space
	client  *space.Client
	blobs   *space.Blobs

	mu    sync.Mutex
	asked []cid.Cid // every invocation that was queued
}

// syncUntilCut queues and syncs until the service is gone, and counts.
func (k *killer) syncUntilCut(ctx context.Context, d *space.Space) (n int) {
	for {
		k.ask(ctx, d)
		if _, err := d.Sync(ctx, k.client); err != nil {
			return n
		}
		n++
	}
}

// TestSpaceKilled: requirement 12: the service is killed with SIGKILL at random
// points of syncs with queues, and started again. Afterwards usage is the sum
// over the receipt index, every invocation has one receipt, and the replicas
// and the service have one root.
func TestSpaceKilled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	k := newKiller(t, rand.New(rand.NewPCG(seed, 0)))
	ctx := t.Context()
	address := strings.TrimPrefix(k.url, "http://")
	syncs := 0
	for range *spaceKills {
		pause := time.Duration(k.rnd.Int64N(int64(150 * time.Millisecond)))
		end := make(chan int, len(k.devices))
		for _, d := range k.devices {
			go func() { end <- k.syncUntilCut(ctx, d) }()
		}
		<-time.After(pause) // where it strikes is left to chance
		k.stop(syscall.SIGKILL)
		for range k.devices {
			syncs += <-end
		}
		k.audit(ctx)
		k.spaceServer = k.cli.serveSpaces(address, "--capacity", "20000")
	}
	t.Logf("%d kills in %d syncs", *spaceKills, syncs)
	for range 2 {
		for _, d := range k.devices {
			for {
				if _, err := d.Sync(ctx, k.client); err != nil {
					t.Fatal(err)
				}
				n, err := d.Deliver(ctx, k.client, k.blobs, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
			}
		}
	}
	k.stop(syscall.SIGTERM)
	k.compare(ctx)
}

func newKiller(t *testing.T, rnd *rand.Rand) *killer {
	c := newCLI(t)
	k := &killer{spaceServer: c.serveSpaces("127.0.0.1:0", "--capacity", "20000"), rnd: rnd}
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	id, err := space.Identify(t.Context(), k.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.client = &space.Client{URL: k.url, Service: id, Agent: key}
	if k.blobs, err = space.OpenBlobs(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e, err := engine.New(memkv.New(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		s, err := space.Open(t.Context(), e, key.DID())
		if err != nil {
			t.Fatal(err)
		}
		k.devices = append(k.devices, s)
	}
	return k
}

// ask queues some invocations on a device, and writes some entries.
func (k *killer) ask(ctx context.Context, d *space.Space) {
	must := func(err error) {
		if err != nil {
			k.Error(err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for range 1 + k.rnd.IntN(8) {
		switch n := k.rnd.IntN(10); {
		case n < 6:
			b, err := k.blobs.AddBlob(bytes.NewReader(bytes.Repeat([]byte{byte(k.rnd.IntN(250))}, 1+k.rnd.IntN(900))))
			must(err)
			inv, err := d.AddBlob(ctx, k.client, b.Digest, b.Size)
			must(err)
			c, err := cid.Decode(inv.Link().String())
			must(err)
			k.asked = append(k.asked, c)
		case n < 8:
			nb := fmt.Sprintf(`{"root":{"/":%q},"shards":[]}`, emptyRoot)
			c, err := d.QueueInvocation(ctx, k.client, "upload/add", d.DID().String(), []byte(nb))
			must(err)
			k.asked = append(k.asked, c)
		default:
			c, err := d.QueueInvocation(ctx, k.client, "space/blob/list", d.DID().String(), []byte("{}"))
			must(err)
			k.asked = append(k.asked, c)
		}
	}
	must(d.Put(ctx, fmt.Appendf(nil, "/user/%d", k.rnd.IntN(20)), fmt.Append(nil, k.rnd.Uint64())))
}

// open opens the store of a service that is not running.
func (k *killer) open() *engine.Engine {
	k.Helper()
	e, err := engine.Open(filepath.Join(k.dir, "srv"), nil)
	if err != nil {
		k.Fatal(err)
	}
	return e
}

// audit holds the store to the invariants.
func (k *killer) audit(ctx context.Context) {
	k.Helper()
	e := k.open()
	defer e.Close()
	a, err := space.AuditSpace(ctx, e, k.client.Service, k.client.Agent.DID())
	if errors.Is(err, engine.ErrNoBranch) {
		return // killed before the first sync
	}
	if err != nil {
		k.Fatal(err)
	}
	for _, p := range a.Problems {
		k.Error(p)
	}
}

// compare holds it to what was asked for, and to what the devices have.
func (k *killer) compare(ctx context.Context) {
	k.Helper()
	k.audit(ctx)
	e := k.open()
	defer e.Close()
	a, err := space.AuditSpace(ctx, e, k.client.Service, k.client.Agent.DID())
	if err != nil {
		k.Fatal(err)
	}
	missing := 0
	for _, inv := range k.asked {
		if !a.Receipts[inv].Defined() {
			missing++
		}
	}
	if missing > 0 {
		k.Errorf("S4 violated: %d of %d invocations have no receipt", missing, len(k.asked))
	}
	b, err := e.Lookup(ctx, space.BranchName(k.client.Agent.DID()))
	if err != nil {
		k.Fatal(err)
	}
	root, err := b.Fold(ctx)
	if err != nil {
		k.Fatal(err)
	}
	for i, d := range k.devices {
		if got, err := d.Branch().Fold(ctx); err != nil || !got.Equals(root) {
			k.Errorf("device %d has root %v, the service %v (%v)", i, got, root, err)
		}
	}
	k.Logf("%d invocations, %d receipts, usage %d", len(k.asked), len(a.Receipts), a.Usage)
}
