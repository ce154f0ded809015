package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Paths of the protocol; all but the first take POST.
const (
	pathBranches = "/sync/v1/branches" // GET: JSON
	pathPull     = "/sync/v1/pull"
	pathPush     = "/sync/v1/push"
	pathRange    = "/sync/v1/range"
	pathHistory  = "/sync/v1/history"
	pathBlocks   = "/sync/v1/blocks"
	pathLeaves   = "/sync/v1/leaves"
	pathIPFS     = "/ipfs/" // GET: blocks and CARs, as a trustless gateway
)

// contentType of messages in both directions.
const contentType = "application/vnd.prolly.sync"

// Requests beside pushes are small.
const (
	maxRequest   = 64 << 10
	maxIDRequest = 32 << 20 // lists of ids and CIDs
)

// HandlerOptions of a Handler. The zero value is good: it serves all branches for
// reading.
type HandlerOptions struct {
	Authorize     Authorize    // nil: ReadOnly
	Force         bool         // branches may be moved off their line, by who is authorized to (OpForce)
	Budget        Budget       // of one request; ServerBudget where it is zero
	MaxConcurrent int          // requests at work at once; more are ErrBusy; 64 when 0
	Logger        *slog.Logger // of failures of our own; none when nil
}

// Handler serves the branches of an engine. It is safe for concurrent use.
type Handler struct {
	e    *engine.Engine
	o    HandlerOptions
	busy chan struct{}
}

// NewHandler serves e, which stays its owner's.
func NewHandler(e *engine.Engine, o HandlerOptions) *Handler {
	if o.Authorize == nil {
		o.Authorize = ReadOnly
	}
	if o.MaxConcurrent <= 0 {
		o.MaxConcurrent = 64
	}
	o.Budget = o.Budget.or(ServerBudget)
	return &Handler{e: e, o: o, busy: make(chan struct{}, o.MaxConcurrent)}
}

// call is a request being answered.
type call struct {
	h       *Handler
	ctx     context.Context
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	branch  string
	began   bool // the answer
}

// ServeHTTP implements http.Handler. A panic below is answered like any failure.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.o.Budget.Time)
	defer cancel()
	c := &call{h: h, ctx: ctx, w: w, r: r, control: http.NewResponseController(w), branch: r.URL.Query().Get("branch")}
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			c.failed(fmt.Errorf("panic: %v", p))
		}
	}()
	select {
	case h.busy <- struct{}{}:
		defer func() { <-h.busy }()
	default:
		w.Header().Set("Retry-After", "1")
		c.failed(ErrBusy)
		return
	}
	if err := c.serve(); err != nil {
		c.failed(err)
	}
}

func (c *call) serve() error {
	if len(c.r.URL.Path) > len(pathIPFS) && c.r.URL.Path[:len(pathIPFS)] == pathIPFS {
		return c.gateway()
	}
	serve, method := map[string]func() error{
		pathBranches: c.branches, pathPull: c.pull, pathPush: c.push, pathRange: c.rangeOf,
		pathHistory: c.history, pathBlocks: c.blocks, pathLeaves: c.leaves,
	}[c.r.URL.Path], http.MethodPost
	if c.r.URL.Path == pathBranches {
		method = http.MethodGet
	}
	switch {
	case serve == nil:
		return c.plain(http.StatusNotFound, "protocol", "no such path")
	case c.r.Method != method:
		c.w.Header().Set("Allow", method)
		return c.plain(http.StatusMethodNotAllowed, "protocol", "method not allowed")
	case method == http.MethodPost && c.r.Header.Get("Content-Type") != contentType:
		return c.plain(http.StatusUnsupportedMediaType, "protocol", "content type is not "+contentType)
	}
	return serve()
}

// allow asks whether the caller may do something with the branch of the request.
func (c *call) allow(kind OpKind, name cid.Cid) error {
	return c.h.o.Authorize(c.r, Op{Kind: kind, Branch: c.branch, CID: name})
}

// errorBody is how an error is told before an answer has begun.
type errorBody struct {
	Code string `json:"code"`
	Text string `json:"text"`
	// Where the branch is, for "diverged".
	Commit string `json:"commit,omitempty"`
	Root   string `json:"root,omitempty"`
}

func (c *call) plain(status int, code, text string) error {
	return c.json(status, errorBody{Code: code, Text: text})
}

func (c *call) json(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.began = true
	c.w.Header().Set("Content-Type", "application/json")
	if status == http.StatusRequestTimeout {
		c.w.Header().Set("Connection", "close") // or the rest of the request would be waited for
	}
	c.deadline()
	c.w.WriteHeader(status)
	_, err = c.w.Write(b)
	return err
}

// failed tells the peer of an error, or cuts an answer that has begun short, so
// that nobody takes it for whole.
func (c *call) failed(err error) {
	code, status, text := codeOf(err)
	if status == http.StatusInternalServerError && c.h.o.Logger != nil && c.ctx.Err() == nil {
		c.h.o.Logger.Error("sync: request failed", "path", c.r.URL.Path, "err", err)
	}
	if c.began {
		panic(http.ErrAbortHandler)
	}
	body := errorBody{Code: code, Text: text}
	if errors.Is(err, ErrDiverged) {
		if v, err := c.h.version(c.ctx, c.branch); err == nil {
			body.Root = v.Root.String()
			if v.Commit.Defined() {
				body.Commit = v.Commit.String()
			}
		}
	}
	_ = c.json(status, body) // nobody is left to tell
}

// deadline gives the peer Budget.Idle to send or take the next bytes. Writers
// that know no deadlines have none.
func (c *call) deadline() {
	until := time.Now().Add(c.h.o.Budget.Idle)
	_ = c.control.SetReadDeadline(until)
	_ = c.control.SetWriteDeadline(until)
}

// body reads the request within its deadlines.
func (c *call) body() io.Reader { return &bodyReader{c: c, r: c.r.Body} }

type bodyReader struct {
	c *call
	r io.Reader
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if err := b.c.ctx.Err(); err != nil {
		return 0, err
	}
	b.c.deadline()
	n, err := b.r.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ErrSilent
	}
	return n, err
}

// request reads a small request whole.
func (c *call) request(limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(c.body(), limit+1))
	if errors.Is(err, ErrSilent) {
		return nil, err
	}
	if err != nil {
		return nil, cut(err)
	}
	if int64(len(b)) > limit {
		return nil, &BudgetError{"bytes of a request", limit}
	}
	return b, nil
}

// answer calls f with a writer of frames, and ends the message. An error after
// the answer has begun is told within it.
func (c *call) answer(f func(w *frameWriter) error) error {
	c.w.Header().Set("Content-Type", contentType)
	w := newFrameWriter(&answerWriter{c})
	err := f(w)
	if err == nil {
		return w.end()
	}
	if !c.began && w.err == nil {
		c.w.Header().Del("Content-Type")
		return err
	}
	if failed := w.fail(err); failed != nil {
		return failed
	}
	if _, status, _ := codeOf(err); status == http.StatusInternalServerError && c.h.o.Logger != nil && c.ctx.Err() == nil {
		c.h.o.Logger.Error("sync: answer failed", "path", c.r.URL.Path, "err", err)
	}
	return nil
}

// answerWriter writes the answer within its deadlines.
type answerWriter struct{ c *call }

func (a *answerWriter) Write(p []byte) (int, error) {
	if err := a.c.ctx.Err(); err != nil {
		return 0, err
	}
	a.c.began = true
	a.c.deadline()
	return a.c.w.Write(p)
}
