package sync

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"go.uber.org/goleak"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/dskv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

var (
	ctx      = context.Background()
	seedFlag = flag.Uint64("sync.seed", 0, "seed of the random tests; 0: a new one")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func random(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -sync.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 7))
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[V any](v V, err error) func(t testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		do(t, err)
		return v
	}
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

// stores are the kinds of store that replicas stand on.
var stores = map[string]func() (kv.Store, error){
	"memory": func() (kv.Store, error) { return memkv.NewDisk(memkv.Options{}).Open() },
	"pebble": func() (kv.Store, error) {
		return pebblekv.Open("store", &pebblekv.Options{FS: vfs.NewMem(), MemTableBytes: 256 << 10, CacheBytes: 1 << 20})
	},
	"datastore": func() (kv.Store, error) {
		return dskv.New(ctx, dssync.MutexWrap(datastore.NewMapDatastore()))
	},
}

func replica(t testing.TB, kind string) *engine.Engine {
	t.Helper()
	e := must(engine.New(must(stores[kind]())(t), nil))(t)
	t.Cleanup(func() {
		if err := e.Close(); err != nil && !errors.Is(err, engine.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// wire counts what passes a listener, at the socket.
type wire struct {
	net.Listener
	in, out, conns atomic.Int64

	mu  sync.Mutex
	all []*countingConn
}

func (w *wire) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w.conns.Add(1)
	counting := &countingConn{Conn: c, w: w}
	w.mu.Lock()
	w.all = append(w.all, counting)
	w.mu.Unlock()
	return counting, nil
}

// total counts all that the other side can have received.
func (w *wire) total() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all {
		c.writing.Lock() // what is written is counted
		c.writing.Unlock()
	}
	return w.in.Load() + w.out.Load()
}

type countingConn struct {
	net.Conn
	w       *wire
	writing sync.Mutex
}

func (c *countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.w.in.Add(int64(n))
	return n, err
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	n, err := c.Conn.Write(b)
	c.w.out.Add(int64(n))
	return n, err
}

// server is a handler that listens, and what passed its socket.
type server struct {
	*httptest.Server
	wire     *wire
	requests atomic.Int64
}

func serve(t testing.TB, h http.Handler) *server {
	t.Helper()
	s := &server{wire: &wire{Listener: must(net.Listen("tcp", "127.0.0.1:0"))(t)}}
	s.Server = &httptest.Server{Listener: s.wire, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		h.ServeHTTP(w, r)
	})}}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// writable lets everybody do everything.
func writable(*http.Request, Op) error { return nil }

// client returns a client of a server that gives up at once.
func client(t testing.TB, s *server) *Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &Client{URL: s.URL, HTTP: &http.Client{Transport: tr}, Backoff: -1}
}
