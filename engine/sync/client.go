package sync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// Client talks to a Handler. Its fields must not change while it is used; its
// methods may be called by several goroutines at once.
type Client struct {
	// URL is where the server's paths begin: "http://host:port".
	URL string

	// Token is sent as a bearer token unless empty. Authorize, unless nil, may
	// add whatever else a server asks for to each request.
	Token     string
	Authorize func(r *http.Request) error

	// HTTP makes the requests; http.DefaultClient when nil.
	HTTP *http.Client

	Budget Budget // of each answer; DefaultBudget where it is zero

	// Retries is how often in a row a broken connection without progress is
	// taken up again; 4 when 0, never when negative. Backoff is the first pause, which
	// doubles; 200 ms when 0, none when negative.
	Retries int
	Backoff time.Duration

	// Progress, unless nil, is told now and then what has arrived so far, by
	// the goroutine that called.
	Progress func(Progress)
}

// Progress is how far a call is.
type Progress struct {
	Entries, Total uint64 // Total is 0 when it is unknown
	Bytes          int64  // received
}

// exchange is one call of a Client, and counts what it costs.
type exchange struct {
	c      *Client
	e      *engine.Engine
	branch string // of the server
	budget Budget
	stats  Stats
	out    atomic.Int64 // bytes sent, by whoever sends them
	total  uint64
}

// counted returns what the exchange has cost so far.
func (x *exchange) counted() Stats {
	s := x.stats
	s.BytesOut = x.out.Load()
	return s
}

// Stats is what a call cost and moved.
type Stats struct {
	RoundTrips int
	BytesIn    int64 // of bodies
	BytesOut   int64
	EntriesIn  int64 // set or deleted
	EntriesOut int64
	BlocksIn   int64
	BlocksOut  int64
	CommitsIn  int
	CommitsOut int
}

func (c *Client) exchange(e *engine.Engine, branch string) *exchange {
	return &exchange{c: c, e: e, branch: branch, budget: c.Budget.or(DefaultBudget)}
}

// Branches lists the branches that the server shows.
func (c *Client) Branches(ctx context.Context) ([]RemoteBranch, error) {
	x := c.exchange(nil, "")
	ctx, cancel := context.WithTimeout(ctx, x.budget.Time)
	defer cancel()
	a, err := x.do(ctx, http.MethodGet, pathBranches, nil)
	if err != nil {
		return nil, err
	}
	defer a.close()
	const most = 8 << 20
	b, err := io.ReadAll(io.LimitReader(a, most+1))
	if err != nil {
		return nil, err
	}
	if len(b) > most {
		return nil, &BudgetError{"bytes in a list of branches", most}
	}
	var list []RemoteBranch
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, malformed("a list of branches: %v", err)
	}
	return list, nil
}

// answered is the answer to a request, whose silence is watched.
type answered struct {
	x      *exchange
	body   io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	idle   *time.Timer
}

// Read implements io.Reader. Its errors are ErrSilent, the context's, or the
// connection's.
func (a *answered) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	a.idle.Reset(a.x.budget.Idle)
	a.x.stats.BytesIn += int64(n)
	if err != nil && err != io.EOF {
		err = causeOf(a.ctx, err)
	}
	return n, err
}

func (a *answered) close() {
	a.idle.Stop()
	a.cancel(nil)
	_ = a.body.Close() // it was only read
}

// causeOf returns why a context ended, if it did, and err otherwise.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// errBroken: the connection failed; trying again may help.
var errBroken = errors.New("sync: connection failed")

// watched counts what is sent, and puts silence off.
type watched struct {
	io.Reader
	x    *exchange
	idle *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.x.out.Add(int64(n))
	w.idle.Reset(w.x.budget.Idle)
	return n, err
}

// do makes a request and returns its answer when it is a success.
func (x *exchange) do(ctx context.Context, method, path string, body io.Reader) (*answered, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	idle := time.AfterFunc(x.budget.Idle, func() { cancel(ErrSilent) })
	a := &answered{x: x, ctx: ctx, cancel: cancel, idle: idle, body: http.NoBody}
	ok := false
	defer func() {
		if !ok {
			a.close()
		}
	}()
	target := strings.TrimSuffix(x.c.URL, "/") + path
	if method == http.MethodPost {
		target += "?branch=" + url.QueryEscape(x.branch)
	}
	var sent io.Reader
	if body != nil {
		sent = &watched{body, x, idle}
	}
	r, err := http.NewRequestWithContext(ctx, method, target, sent)
	if err != nil {
		return nil, fmt.Errorf("sync: %w", err)
	}
	if b, isBytes := body.(*bytes.Reader); isBytes {
		r.ContentLength = int64(b.Len())
	}
	if err := x.prepare(r); err != nil {
		return nil, err
	}
	x.stats.RoundTrips++
	resp, err := x.http().Do(r)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	a.body = resp.Body
	if resp.StatusCode != http.StatusOK {
		return nil, a.refused(resp.StatusCode)
	}
	if kind := resp.Header.Get("Content-Type"); method == http.MethodPost && kind != contentType {
		return nil, malformed("an answer of type %.60q", kind)
	}
	ok = true
	return a, nil
}

func (x *exchange) http() *http.Client {
	if x.c.HTTP != nil {
		return x.c.HTTP
	}
	return http.DefaultClient
}

func (x *exchange) prepare(r *http.Request) error {
	r.Header.Set("User-Agent", "prolly")
	r.Header.Set("Accept-Encoding", "identity")
	if r.Method == http.MethodPost {
		r.Header.Set("Content-Type", contentType)
	}
	if x.c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+x.c.Token)
	}
	if x.c.Authorize != nil {
		return x.c.Authorize(r)
	}
	return nil
}

// refusal is an error of the server, with where the branch is.
type refusal struct {
	error
	at errorBody
}

func (r *refusal) Unwrap() error { return r.error }

// refused reads what the server says about a status that is no success.
func (a *answered) refused(status int) error {
	b, err := io.ReadAll(io.LimitReader(a, maxRequest))
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	var body errorBody
	if err := json.Unmarshal(b, &body); err != nil || body.Code == "" {
		return remoteError{ErrRemote, fmt.Sprintf("status %d", status)}
	}
	return &refusal{errorOf(body.Code, body.Text), body}
}

// ask makes a request of a message and reads the answer's frames with f.
func (x *exchange) ask(ctx context.Context, path string, body []byte, f func(fr *frameReader) error) error {
	a, err := x.do(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer a.close()
	return f(newFrameReader(a, &meter{b: x.budget}))
}

// again calls f until it succeeds, fails for good, or has failed too often in a
// row without progress, which moved tells.
func (x *exchange) again(ctx context.Context, moved func() int64, f func() error) error {
	retries, pause := x.c.Retries, x.c.Backoff
	if retries == 0 {
		retries = 4
	}
	if pause == 0 {
		pause = 200 * time.Millisecond
	}
	for left, wait := retries, pause; ; left-- {
		before := moved()
		err := f()
		if err == nil || !errors.Is(err, errBroken) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrBusy) {
			return err
		}
		if moved() > before {
			left, wait = retries, pause
		}
		if left <= 0 || ctx.Err() != nil {
			return err
		}
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return errors.Join(err, context.Cause(ctx))
			}
			wait *= 2
		}
	}
}

// receive takes steps into a spool, with progress.
func (x *exchange) receive(fr *frameReader, s *spool) error {
	var last int64
	was := fr.m.entries
	r := &receiver{r: fr, s: s, progress: func() {
		if x.c.Progress != nil && x.stats.BytesIn-last > 1<<18 {
			last = x.stats.BytesIn
			x.c.Progress(Progress{Entries: uint64(x.stats.EntriesIn + fr.m.entries - was), Total: x.total, Bytes: x.stats.BytesIn})
		}
	}}
	err := r.steps()
	x.stats.EntriesIn += fr.m.entries - was
	x.stats.BlocksIn += fr.m.blocks
	return err
}
