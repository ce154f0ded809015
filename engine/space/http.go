package space

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// carType is the content type of messages and syncs.
const carType = "application/vnd.ipld.car"

// Handler serves everything that the service does over HTTP:
//
//	POST /                          a ucanto message of invocations
//	GET  /receipt/<invocation>      a ucanto message with a receipt
//	POST /space/<did>               a sync (S1)
//	PUT  /blob/<did>/<multihash>    the bytes of a blob that is allocated
//	GET  /blob/<multihash>          the bytes of a blob
//	GET  /confirm/<secret>          shows what a link in a mail confirms
//	POST /confirm/<secret>          confirms it
//	GET, POST /authorize/<invocation>   the same without a mail, for a known session
//	GET  /.well-known/did.json      the service's key
//	GET  /health, GET /metrics
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", s.serveMessage)
	mux.HandleFunc("GET /receipt/{cid}", s.serveReceipt)
	mux.HandleFunc("POST /space/{did}", s.serveSync)
	mux.HandleFunc("PUT /blob/{did}/{digest}", s.servePut)
	mux.HandleFunc("GET /blob/{digest}", s.serveBlob)
	mux.HandleFunc("GET /confirm/{secret}", s.serveShow)
	mux.HandleFunc("POST /confirm/{secret}", s.serveConfirm)
	mux.HandleFunc("GET /authorize/{request}", s.serveScreen)
	mux.HandleFunc("POST /authorize/{request}", s.serveScreenConfirm)
	mux.HandleFunc("GET /.well-known/did.json", s.serveDID)
	mux.HandleFunc("GET /metrics", s.serveMetrics)
	outer := http.NewServeMux()
	outer.HandleFunc("GET /health", s.serveHealth) // even when all hands are busy
	outer.Handle("/", s.bounded(mux))
	return outer
}

// status is what an error of a request is in HTTP.
func status(err error) int {
	var refused *auth.Denied
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, prolly.ErrGap), errors.Is(err, errFull): // smaller parts would not help
		return http.StatusUnprocessableEntity
	case errors.As(err, &tooLarge), errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &refused):
		return http.StatusForbidden
	case errors.Is(err, ErrMalformed), errors.Is(err, ErrNotVerified), errors.Is(err, ErrDigest):
		return http.StatusBadRequest
	case errors.Is(err, engine.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrNotPending):
		return http.StatusNotFound
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// fail answers an error. What is the service's own trouble stays in its log.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	code := status(err)
	text := err.Error()
	if code >= 500 {
		s.n.failed.Add(1)
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		text = http.StatusText(code)
	}
	http.Error(w, text, code)
}

// body reads the CAR of a request.
func (s *Service) body(w http.ResponseWriter, r *http.Request) (*carBlocks, error) {
	return readCAR(http.MaxBytesReader(w, r.Body, s.o.Limits.RequestBytes), s.o.Limits.RequestBytes, s.o.Limits.Blocks)
}

// isCAR answers 415 for anything but a CAR.
func isCAR(w http.ResponseWriter, r *http.Request) bool {
	t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(t) == carType {
		return true
	}
	w.Header().Set("Accept", carType)
	http.Error(w, "send "+carType, http.StatusUnsupportedMediaType)
	return false
}

// writeCARTo answers a CAR.
func (s *Service) writeCARTo(w http.ResponseWriter, r *http.Request, root ipld.Block, blocks []ipld.Block) {
	w.Header().Set("Content-Type", carType)
	if err := writeCAR(w, root, blocks); err != nil {
		s.log.Debug("answer not sent", "path", r.URL.Path, "err", err)
	}
}

func (s *Service) serveSync(w http.ResponseWriter, r *http.Request) {
	if !isCAR(w, r) {
		return
	}
	id, err := did.Parse(r.PathValue("did"))
	if err != nil || !isSpace(id) {
		http.Error(w, "no space's DID", http.StatusBadRequest)
		return
	}
	car, err := s.body(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	ans, blocks, err := s.sync(r.Context(), id, car)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	b, err := encode(ans, "Answer")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeCARTo(w, r, newBlock(b), blocks)
}

// serveMessage runs the invocations of a message, in its order.
func (s *Service) serveMessage(w http.ResponseWriter, r *http.Request) {
	if !isCAR(w, r) {
		return
	}
	car, err := s.body(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := executeOf(car.byName[car.root])
	if err == nil && len(list) > s.o.Limits.Invocations {
		err = fmt.Errorf("%w: %d invocations", ErrTooLarge, len(list))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var report []reported
	for _, c := range list {
		receipt, err := s.Invoke(r.Context(), c, car)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		report = append(report, reported{c, receipt})
	}
	if err := s.e.Sync(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	s.report(w, r, report)
}

// Invoke runs an invocation that came in a message. What cannot be read as an
// invocation is refused as a whole.
func (s *Service) Invoke(ctx context.Context, c cid.Cid, car *carBlocks) (cid.Cid, error) {
	j, err := s.newJob(ctx, c, car.get)
	if errors.Is(err, auth.ErrMalformed) || errors.Is(err, auth.ErrMissing) || errors.Is(err, auth.ErrBudget) {
		return cid.Undef, fmt.Errorf("%w: invocation %v: %v", ErrMalformed, c, err)
	}
	if err != nil {
		return cid.Undef, err
	}
	receipt, err := s.run(ctx, j)
	if errors.Is(err, errAwaiting) {
		return s.finish(ctx, j, &outcome{}, denied("AwaitPending", "%v", err))
	}
	return receipt, err
}

// executeOf lists the invocations of a ucanto message.
func executeOf(message []byte) ([]cid.Cid, error) {
	n, err := decodeNode(message)
	if err != nil {
		return nil, err
	}
	m, err := n.LookupByString("ucanto/message@7.0.0")
	if err != nil {
		return nil, fmt.Errorf("%w: no ucanto message", ErrMalformed)
	}
	list, err := m.LookupByString("execute")
	if err != nil {
		return nil, nil
	}
	var out []cid.Cid
	for it := list.ListIterator(); it != nil && !it.Done(); {
		_, v, err := it.Next()
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		l, err := v.AsLink()
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		c, err := cidOf(l)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// reported is an invocation and its receipt.
type reported struct{ invocation, receipt cid.Cid }

// report answers a message of receipts, with all that they refer to.
func (s *Service) report(w http.ResponseWriter, r *http.Request, list []reported) {
	root, err := messageOf(list)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var blocks []ipld.Block
	for _, x := range list {
		more, err := bundle(r.Context(), s.e.ReadBlock, x.receipt)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		blocks = append(blocks, more...)
	}
	s.writeCARTo(w, r, root, blocks)
}

// messageOf is the root block of a message that reports receipts.
func messageOf(list []reported) (ipld.Block, error) {
	n, err := qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "ucanto/message@7.0.0", qp.Map(1, func(m datamodel.MapAssembler) {
			qp.MapEntry(m, "report", qp.Map(-1, func(m datamodel.MapAssembler) {
				seen := map[cid.Cid]bool{}
				for _, x := range list {
					if !seen[x.invocation] {
						seen[x.invocation] = true
						qp.MapEntry(m, x.invocation.String(), qp.Link(linkOf(x.receipt)))
					}
				}
			}))
		}))
	})
	if err != nil {
		return nil, err
	}
	return nodeBlock(n)
}

// nodeBlock encodes a node as a DAG-CBOR block.
func nodeBlock(n datamodel.Node) (ipld.Block, error) {
	var b bytes.Buffer
	if err := dagcbor.Encode(n, &b); err != nil {
		return nil, err
	}
	return newBlock(b.Bytes()), nil
}

func (s *Service) serveReceipt(w http.ResponseWriter, r *http.Request) {
	c, err := cid.Decode(r.PathValue("cid"))
	if err != nil {
		http.Error(w, "no CID", http.StatusBadRequest)
		return
	}
	receipt, err := s.receiptOf(r.Context(), c)
	if errors.Is(err, engine.ErrNoBranch) {
		err = engine.ErrNotFound
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.report(w, r, []reported{{c, receipt}})
}

// document is a DID document with one key.
type document struct {
	ID   string        `json:"id"`
	Keys []documentKey `json:"verificationMethod"`
}

type documentKey struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Controller string `json:"controller"`
	Key        string `json:"publicKeyMultibase"`
}

func (s *Service) serveDID(w http.ResponseWriter, _ *http.Request) {
	id := s.me.DID().String()
	w.Header().Set("Content-Type", "application/did+json")
	key := strings.TrimPrefix(keyOf(s.me).String(), did.KeyPrefix)
	// An error is of the connection, and the client's to notice.
	_ = json.NewEncoder(w).Encode(document{id, []documentKey{{id + "#owner", "Ed25519VerificationKey2020", id, key}}})
}

func (s *Service) serveHealth(w http.ResponseWriter, r *http.Request) {
	if err := s.e.Sync(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	io.WriteString(w, "ok\n")
}

// serveMetrics writes counters in Prometheus' text form.
func (s *Service) serveMetrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	memory, limit := memoryInUse()
	for _, m := range []struct {
		name, help, kind string
		value            any
	}{
		{"space_spaces", "spaces kept", "gauge", s.n.spaces.Load()},
		{"space_syncs_total", "syncs answered", "counter", s.n.syncs.Load()},
		{"space_syncs_unchanged_total", "of these, with nothing new", "counter", s.n.unchanged.Load()},
		{"space_invocations_total", "invocations run", "counter", s.n.ran.Load()},
		{"space_invocations_replayed_total", "invocations that had been run before", "counter", s.n.replayed.Load()},
		{"space_invocations_denied_total", "invocations refused", "counter", s.n.denied.Load()},
		{"space_blobs_located_total", "blobs seen and committed to", "counter", s.n.located.Load()},
		{"space_blobs_dropped_total", "blobs that no space has any more", "counter", s.n.dropped.Load()},
		{"space_branches_open", "branches held in memory", "gauge", s.e.Stats().Branches},
		{"space_blob_bytes_total", "bytes of blobs taken", "counter", s.n.blobBytes.Load()},
		{"space_collecting", "collections of garbage under way", "gauge", s.n.collecting.Load()},
		{"space_collection_marked", "nodes that the last collection, or the one under way, found in use", "gauge", s.n.marked.Load()},
		{"space_collections_total", "collections of garbage that came to their end", "counter", s.n.collections.Load()},
		{"space_collections_failed_total", "collections that were interrupted or failed", "counter", s.n.collectionsFailed.Load()},
		{"space_collected_blocks_total", "blocks removed by collections", "counter", s.n.collectedNodes.Load()},
		{"space_collected_bytes_total", "bytes of these", "counter", s.n.collectedBytes.Load()},
		{"space_store_bytes", "bytes that the store takes, without the blobs", "gauge", s.storeBytes(r.Context())},
		{"space_memory_bytes", "bytes of memory that the Go runtime has of the system", "gauge", memory},
		{"space_memory_limit_bytes", "bytes of memory that it keeps to", "gauge", limit},
		{"space_requests_failed_total", "requests that failed for the service's own reasons", "counter", s.n.failed.Load()},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %d\n", m.name, m.help, m.name, m.kind, m.name, m.value)
	}
}
