package space

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	cid "github.com/ipfs/go-cid"
	varint "github.com/multiformats/go-varint"
	"github.com/storacha/go-ucanto/core/ipld"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// post sends a body and returns the status.
func (w *world) post(path, contentType string, body []byte) int {
	w.t.Helper()
	res, err := w.server.Client().Post(w.server.URL+path, contentType, bytes.NewReader(body))
	w.must(err)
	_, err = io.Copy(io.Discard, res.Body)
	w.must(errors.Join(err, res.Body.Close()))
	return res.StatusCode
}

func (w *world) car(root ipld.Block, blocks ...ipld.Block) []byte {
	w.t.Helper()
	var b bytes.Buffer
	w.must(writeCAR(&b, root, blocks))
	return b.Bytes()
}

// TestHostileRequests: requirement 22: nonsense of every kind is refused by its
// status, and the service goes on answering.
func TestHostileRequests(t *testing.T) {
	w := newWorld(t, func(o *ServiceOptions) {
		o.Limits = Limits{RequestBytes: 1 << 20, Blocks: 100, Invocations: 3}
	})
	d := w.device(newKey(t))
	d.sync()
	inv := d.lists()
	message := func(list ...cid.Cid) ipld.Block {
		b := []byte("\xa1\x74ucanto/message@7.0.0\xa1\x67execute")
		b = append(b, byte(0x80+len(list)))
		for _, c := range list {
			b = append(append(b, 0xd8, 0x2a, 0x58, byte(c.ByteLen()+1), 0), c.Bytes()...)
		}
		return newBlock(b)
	}
	c := mustCID(inv.Link())
	good := w.car(message(c), inv.Root())
	if got := w.post("/", carType, good); got != 200 {
		t.Fatalf("a good request: %d", got)
	}
	var many []ipld.Block
	for i := range 101 {
		many = append(many, newBlock(fmt.Append(nil, "block ", i)))
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-5] ^= 1
	deep := newBlock(append(bytes.Repeat([]byte{0x81}, 5000), 0x00))
	req := func(change func(*request)) []byte {
		auth, err := d.c.authorization(d.DID(), d.root(), nil)
		w.must(err)
		r := request{Space: d.DID().String(), Head: d.root(), Ucan: mustCID(auth.Link())}
		change(&r)
		b, err := encode(&r, "Request")
		w.must(err)
		return w.car(newBlock(b), auth.Root())
	}
	space := "/space/" + d.DID().String()
	link := codec.Sum([]byte("nowhere")).CID()
	value := []byte("v")
	for _, x := range []struct {
		name, path, kind string
		body             []byte
		want             int
	}{
		{"another type", "/", "application/json", good, 415},
		{"another type", space, "text/plain", good, 415},
		{"nothing", "/", carType, nil, 400},
		{"no CAR", "/", carType, []byte("hello"), 400},
		{"cut off", "/", carType, good[:len(good)-10], 400},
		{"a changed bit", "/", carType, flipped, 400},
		{"a length without bytes", "/", carType, varint.ToUvarint(1 << 40), 413},
		{"too many bytes", "/", carType, w.car(newBlock(make([]byte, 1<<20))), 413},
		{"too many blocks", "/", carType, w.car(message(c), many...), 413},
		{"too many invocations", "/", carType, w.car(message(c, c, c, c), inv.Root()), 413},
		{"a root that is not there", "/", carType, w.car(newBlock([]byte("x")))[:61], 400},
		{"a message that is none", "/", carType, w.car(newBlock([]byte("\xa1\x61a\x61b"))), 400},
		{"deep nesting", "/", carType, w.car(deep), 400},
		{"an invocation that is not there", "/", carType, w.car(message(c)), 400},
		{"an invocation that is none", "/", carType, w.car(message(mustCID(deep.Link())), deep), 400},
		{"a sync that is none", space, carType, good, 400},
		{"a sync of no space", "/space/nonsense", carType, good, 400},
		{"a sync of another space", space, carType, req(func(r *request) { r.Space = "did:key:x" }), 403},
		{"a sync with another head", space, carType, req(func(r *request) { r.Head = link }), 403},
		{"changes that lead elsewhere", space, carType, req(func(r *request) {
			r.Changes = []wireChange{{Key: []byte("/user/x"), To: wireValue{Bytes: &value}}}
		}), 400},
		{"an empty key", space, carType, req(func(r *request) { r.Changes = []wireChange{{To: wireValue{Bytes: &value}}} }), 400},
		{"a long key", space, carType, req(func(r *request) {
			r.Changes = []wireChange{{Key: make([]byte, 2000), To: wireValue{Bytes: &value}}}
		}), 400},
		{"an authorization that is not there", space, carType, req(func(r *request) { r.Ucan = link }), 400},
	} {
		if got := w.post(x.path, x.kind, x.body); got != x.want {
			t.Errorf("%s: %d, want %d", x.name, got, x.want)
		}
	}
	for path, want := range map[string]int{
		"/receipt/nonsense": 400, "/receipt/" + link.String(): 404, "/blob/nonsense": 400, "/blob/" + formatDigest(d.blobOf("x")): 404,
		"/blob/..%2f..%2fetc%2fpasswd": 400, "/nowhere": 404, "/health": 200, "/metrics": 200,
	} {
		if got, _, _ := w.page(http.MethodGet, w.server.URL+path); got != want {
			t.Errorf("GET %s: %d, want %d", path, got, want)
		}
	}
	w.must(d.Queue(w.ctx, d.lists()))
	if r := d.sync(); r.Ran != 1 {
		t.Errorf("afterwards: %+v", r)
	}
	if got := w.svc.n.failed.Load(); got != 0 {
		t.Errorf("%d requests failed for the service's own reasons", got)
	}
}

// TestMutatedRequests: random changes to good requests never make the service
// fail, and what it takes is what was signed.
func TestMutatedRequests(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	w := newWorld(t)
	d := w.device(newKey(t))
	w.must(d.Put(w.ctx, []byte("/user/x"), []byte("1")))
	w.must(d.Queue(w.ctx, d.lists()))
	var good [][]byte
	h := w.server.Config.Handler
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		good = append(good, b)
		r.Body = io.NopCloser(bytes.NewReader(b))
		h.ServeHTTP(rw, r)
	})
	d.sync()
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range rounds {
		b := bytes.Clone(good[rnd.IntN(len(good))])
		for range 1 + rnd.IntN(3) {
			if i := rnd.IntN(len(b)); rnd.IntN(4) == 0 {
				b = b[:i+1]
			} else {
				b[i] = byte(rnd.Uint32())
			}
		}
		for _, path := range []string{"/", "/space/" + d.DID().String()} {
			req := httptest.NewRequestWithContext(w.ctx, http.MethodPost, path, bytes.NewReader(b))
			req.Header.Set("Content-Type", carType)
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, req)
			if rec.Code >= 500 {
				t.Fatalf("seed %d: %d for %x", seed, rec.Code, b)
			}
		}
	}
}

// TestLyingService: requirement 22 on the client: whatever a service answers, the
// replica is as it was unless the answer leads to the announced root.
func TestLyingService(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	w.must(d.Put(w.ctx, []byte("/user/x"), []byte("1")))
	d.sync()
	root := d.root()
	value := []byte("planted")
	reply := func(a answer) []byte {
		b, err := encode(&a, "Answer")
		w.must(err)
		return w.car(newBlock(b))
	}
	for name, body := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"),
		"another root":    reply(answer{Root: codec.Sum([]byte("x")).CID()}),
		"a planted entry": reply(answer{Root: root, Changes: []wireChange{{Key: []byte("/user/y"), To: wireValue{Bytes: &value}}}}),
		"an empty key":    reply(answer{Root: root, Changes: []wireChange{{To: wireValue{Bytes: &value}}}}),
		"more of nothing": reply(answer{Root: root, More: true}),
		"asks for ever":   reply(answer{Root: root, Need: []cid.Cid{root}}),
		"rebase for ever": reply(answer{Root: root, Rebase: true}),
	} {
		w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { rw.Write(body) })
		if _, err := d.Sync(w.ctx, d.c); err == nil && name != "asks for ever" && name != "rebase for ever" {
			t.Errorf("%s: no error", name)
		}
		if !d.root().Equals(root) {
			t.Fatalf("%s: the replica changed", name)
		}
	}
	w.server.Config.Handler = w.svc.Handler()
	w.must(d.Put(w.ctx, []byte("/user/x"), []byte("2")))
	d.sync()
	if strings.Contains(fmt.Sprint(d.keys("/")), "/user/y") {
		t.Error("planted")
	}
}
