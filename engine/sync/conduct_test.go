package sync

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/sync/riblt"
)

// serverConduct is a server that misbehaves beyond the steps that it sends.
type serverConduct struct {
	name   string
	want   error
	budget Budget
	answer func(l *lure, w http.ResponseWriter, r *http.Request)
}

// frames answers with frames.
func frames(f func(l *lure, w *frameWriter)) func(*lure, http.ResponseWriter, *http.Request) {
	return func(l *lure, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		fw := newFrameWriter(w)
		f(l, fw)
		_ = fw.w.Flush() // the client may have gone
	}
}

func status200(body string) func(*lure, http.ResponseWriter, *http.Request) {
	return func(_ *lure, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// apartWith answers that nothing is known in common, with symbols, and then as
// the honest hub does, but for the entries.
func apartWith(symbols func() []byte) func(*lure, http.ResponseWriter, *http.Request) {
	return func(l *lure, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		fw := newFrameWriter(w)
		switch r.URL.Path {
		case pathPull:
			l.head(fw, statusApart, l.next)
			_ = fw.write(frameCommit, l.block)
			_ = fw.write(frameLeaves, symbols())
		case pathLeaves:
			_ = fw.write(frameLeaves, symbols())
		case pathRange:
			_ = fw.write(frameRun, oneEdit("lie", 0, 1, 'x'))
			_ = fw.write(frameStepEnd)
		}
		_ = fw.end()
	}
}

var serverConducts = []serverConduct{
	{name: "no sync server at all", want: ErrProtocol, answer: status200("<html>hello</html>")},
	{name: "nothing", want: ErrTruncated, answer: frames(func(*lure, *frameWriter) {})},
	{name: "failure without an explanation", want: ErrRemote, answer: func(_ *lure, w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<h1>500</h1>", http.StatusInternalServerError)
	}},
	{name: "endless explanation of a failure", want: ErrRemote, answer: func(_ *lure, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		for range 1 << 12 {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	}},
	{name: "error of an unknown code", want: ErrRemote, answer: frames(func(l *lure, w *frameWriter) {
		_ = w.write(frameError, []byte("\x1b[31m\n"+strings.Repeat("long ", 10_000)))
	})},
	{name: "redirects without end", want: ErrRemote, answer: func(_ *lure, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
	}},
	{name: "silence before the answer", want: ErrSilent, budget: Budget{Idle: 20 * time.Millisecond}, answer: func(_ *lure, _ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}},
	{name: "silence within the answer", want: ErrSilent, budget: Budget{Idle: 20 * time.Millisecond}, answer: func(l *lure, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		fw := newFrameWriter(w)
		l.head(fw, statusSteps, l.next)
		_ = fw.w.Flush()
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}},
	{name: "drops without end", want: errTimeout, budget: Budget{Time: 60 * time.Millisecond}, answer: func(l *lure, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte{frameHead, 0x80, 0x7f})
		pace := time.NewTicker(time.Millisecond)
		defer pace.Stop()
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-pace.C:
				_, _ = w.Write([]byte{0})
			}
		}
	}},
	{name: "rollback", want: ErrRollback, answer: frames(func(l *lure, w *frameWriter) { l.head(w, statusSame, l.old); _ = w.end() })},
	{name: "rollback to no commit", want: ErrRollback, answer: frames(func(l *lure, w *frameWriter) {
		b, _ := head{statusSame, Version{Root: l.old.Root}}.append(nil)
		_ = w.write(frameHead, b)
		_ = w.end()
	})},
	{name: "nothing new, under an unknown name", want: ErrProtocol, answer: frames(func(l *lure, w *frameWriter) { l.head(w, statusSame, l.next); _ = w.end() })},
	{name: "known commit with another root", want: ErrWrongRoot, answer: frames(func(l *lure, w *frameWriter) {
		b, _ := head{statusSame, Version{Commit: l.first.CID, Root: l.old.Root}}.append(nil)
		_ = w.write(frameHead, b)
		_ = w.end()
	})},
	{name: "unknown status", want: ErrProtocol, answer: frames(func(l *lure, w *frameWriter) { l.head(w, 99, l.next); _ = w.end() })},
	{name: "status of a forced push", want: ErrProtocol, answer: frames(func(l *lure, w *frameWriter) { l.head(w, statusForce, l.next); _ = w.end() })},
	{name: "status of a push", want: ErrProtocol, answer: frames(func(l *lure, w *frameWriter) { l.head(w, statusPush, l.next); _ = w.end() })},
	{name: "head with bytes too many", want: ErrProtocol, answer: frames(func(l *lure, w *frameWriter) {
		b, _ := head{statusSame, l.version(l.next)}.append(nil)
		_ = w.write(frameHead, b, []byte{1})
	})},
	{name: "steps before the head", want: ErrProtocol, answer: frames(func(l *lure, w *frameWriter) { l.steps(w, l.run) })},
	{name: "bulk of something else", want: ErrWrongRoot, answer: frames(func(l *lure, w *frameWriter) {
		l.head(w, statusBulk, l.next)
		b, _ := appendStep(nil, emptyRoot, l.next.Root, l.block)
		_ = w.write(frameStep, b)
		_ = w.write(frameRun, oneEdit("lie", 0, 1, 'x'))
		_ = w.write(frameStepEnd)
		_ = w.end()
	})},
	{name: "symbols made up", want: ErrProtocol, answer: apartWith(func() []byte {
		return riblt.AppendSymbols(appendSymbolsHead(nil, 7, 0), make([]riblt.Symbol, 30), 0, 7)
	})},
	{name: "symbols that are none", want: ErrProtocol, answer: apartWith(func() []byte { return append(appendSymbolsHead(nil, 7, 0), 1, 2, 3) })},
	{name: "symbols of a set without end", want: ErrProtocol, answer: apartWith(func() []byte {
		return riblt.AppendSymbols(appendSymbolsHead(nil, 1<<60, 0), make([]riblt.Symbol, 3), 0, 1<<60)
	})},
	{name: "symbols that leave some out", want: ErrProtocol, answer: apartWith(func() []byte {
		return riblt.AppendSymbols(appendSymbolsHead(nil, 7, 5), make([]riblt.Symbol, 3), 5, 7)
	})},
	{name: "apart with another commit", want: ErrProtocol, answer: frames(func(l *lure, w *frameWriter) {
		l.head(w, statusApart, l.next)
		_ = w.write(frameCommit, must(l.hub.ReadBlock(ctx, l.old.CID))(l.t))
		_ = w.end()
	})},
	{name: "apart without a commit", want: ErrProtocol, answer: frames(func(l *lure, w *frameWriter) {
		l.head(w, statusApart, l.next)
		_ = w.write(frameCommit)
		_ = w.end()
	})},
}

// errTimeout is what a call that takes longer than Budget.Time ends with.
var errTimeout = errors.New("stands for context.DeadlineExceeded")

// TestServerConduct: servers that misbehave in other ways.
func TestServerConduct(t *testing.T) {
	l := newLure(t)
	e, b := l.victim(t)
	var names []string
	for _, f := range serverConducts {
		names = append(names, f.name)
		t.Run(f.name, func(t *testing.T) {
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client has gone
				f.answer(l, w, r)
			}))
			c := client(t, s)
			c.Budget, c.Retries = f.budget, -1
			_, err := c.Pull(ctx, b, PullOptions{})
			if f.want == errTimeout {
				var timeout interface{ Timeout() bool }
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Fatalf("got error %v", err)
				}
			} else {
				want(t, err, f.want)
			}
			if err != nil && len(err.Error()) > 1500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			l.unchanged(t, e, b)
		})
	}
	listed(t, "servers", names)
}

// clientConduct is a client that misbehaves beyond the steps that it sends.
type clientConduct struct {
	name    string
	want    error
	method  string
	path    string
	kind    string
	body    func(l *lure) []byte
	change  func(r *http.Request)
	options HandlerOptions
}

func bodyOf(b ...byte) func(*lure) []byte { return func(*lure) []byte { return b } }

// pushOf is an honest push, from one commit.
func pushOf(from, to func(l *lure) engine.Commit) func(l *lure) []byte {
	return func(l *lure) []byte {
		f := falsified{write: func(l *lure, w *frameWriter) { l.steps(w, l.run) }}
		return f.message(l, func(w *frameWriter) {
			l.head(w, statusPush, from(l))
			l.head(w, statusPush, to(l))
		})
	}
}

func firstOf(l *lure) engine.Commit { return l.first }
func nextOf(l *lure) engine.Commit  { return l.next }
func oldOf(l *lure) engine.Commit   { return l.old }

func leavesOf(change func(q *leavesRequest)) func(l *lure) []byte {
	return func(l *lure) []byte {
		q := &leavesRequest{root: l.first.Root, what: wantLeaves}
		change(q)
		return must(q.append(nil))(l.t)
	}
}

var clientConducts = []clientConduct{
	{name: "path that is not there", want: ErrProtocol, path: "/sync/v1/secrets", kind: contentType},
	{name: "path with dots", want: ErrProtocol, path: "/sync/v1/../../etc/passwd", kind: contentType},
	{name: "CID with dots", want: ErrProtocol, method: "GET", path: "/ipfs/../../../etc/passwd"},
	{name: "path below a CID", want: ErrProtocol, method: "GET", path: "/ipfs/" + emptyRoot.String() + "/a?format=raw"},
	{name: "wrong method", want: ErrProtocol, method: "DELETE", path: pathPull + "?branch=main", kind: contentType},
	{name: "wrong content type", want: ErrProtocol, path: pathPull + "?branch=main", kind: "text/html"},
	{name: "branch that is not there", want: ErrNoBranch, path: pathPull + "?branch=none", kind: contentType, body: bodyOf(1, 0, 0)},
	{name: "branch with a control character", want: engine.ErrBadName, path: pathPull + "?branch=a%00b", kind: contentType, body: bodyOf(1, 0, 0)},
	{name: "branch with an endless name", want: engine.ErrBadName, path: pathPull + "?branch=" + strings.Repeat("b", 3000), kind: contentType, body: bodyOf(1, 0, 0)},
	{name: "branch that is hidden", want: ErrNoBranch, path: pathPull + "?branch=" + hiddenPrefix + "x", kind: contentType, body: bodyOf(1, 0, 0)},
	{name: "push to a branch that is hidden", want: engine.ErrBadName, path: pathPush + "?branch=" + hiddenPrefix + "x", kind: contentType, body: pushOf(firstOf, nextOf)},
	{name: "request of an unknown version", want: ErrProtocol, path: pathPull + "?branch=main", kind: contentType, body: bodyOf(9, 0, 0)},
	{name: "request cut short", want: ErrProtocol, path: pathPull + "?branch=main", kind: contentType, body: bodyOf(1, 0, 5)},
	{name: "request with bytes too many", want: ErrProtocol, path: pathPull + "?branch=main", kind: contentType, body: bodyOf(1, 0, 0, 1)},
	{name: "more versions than may be named", want: ErrProtocol, path: pathPull + "?branch=main", kind: contentType, body: bodyOf(1, 0, 0xff, 0xff, 0x7f)},
	{name: "estimate cut short", want: ErrProtocol, path: pathPull + "?branch=main", kind: contentType, body: bodyOf(1, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
	{name: "endless request", want: ErrBudget, path: pathPull + "?branch=main", kind: contentType, body: func(*lure) []byte { return make([]byte, maxRequest+1) }},
	{name: "range of a tree that is not here", want: ErrMissing, path: pathRange, kind: contentType, body: func(l *lure) []byte {
		return must(rangeRequest{base: emptyRoot, root: codec.Sum([]byte("?")).CID()}.append(nil))(l.t)
	}},
	{name: "history of what is no commit", want: errAnyRefusal, path: pathHistory, kind: contentType, body: func(l *lure) []byte {
		return must(historyRequest{from: l.first.Root, skip: 1 << 63, limit: 1 << 63}.append(nil))(l.t)
	}},
	{name: "symbols without end", want: ErrProtocol, path: pathLeaves, kind: contentType, body: leavesOf(func(q *leavesRequest) { q.more = 1 << 60 })},
	{name: "symbols from far out", want: ErrProtocol, path: pathLeaves, kind: contentType, body: leavesOf(func(q *leavesRequest) { q.first = 1 << 60; q.more = 1 })},
	{name: "request for something unknown", want: ErrProtocol, path: pathLeaves, kind: contentType, body: leavesOf(func(q *leavesRequest) { q.what = 77 })},
	{name: "more ids announced than sent", want: ErrProtocol, path: pathLeaves, kind: contentType, body: func(l *lure) []byte {
		b := must((&leavesRequest{root: l.first.Root, what: wantLeaves}).append(nil))(l.t)
		return binary.AppendUvarint(b[:len(b)-1], 1<<40)
	}},
	{name: "blocks by names that are none", want: ErrProtocol, path: pathBlocks, kind: contentType, body: bodyOf(1, 0, 3, 9, 9, 9)},
	{name: "push without a word", want: ErrTruncated, path: pathPush + "?branch=main", kind: contentType, body: bodyOf()},
	{name: "push to a read-only server", want: ErrForbidden, path: pathPush + "?branch=main", kind: contentType, body: pushOf(firstOf, nextOf), options: HandlerOptions{Authorize: ReadOnly}},
	{name: "push without a token", want: ErrUnauthorized, path: pathPush + "?branch=main", kind: contentType, body: pushOf(firstOf, nextOf), options: HandlerOptions{Authorize: BearerToken("secret", true)}},
	{name: "push with a forged token", want: ErrUnauthorized, path: pathPush + "?branch=main", kind: contentType, body: pushOf(firstOf, nextOf), options: HandlerOptions{Authorize: BearerToken("secret", true)},
		change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer secreT") }},
	{name: "empty token", want: ErrUnauthorized, path: pathPush + "?branch=main", kind: contentType, body: pushOf(firstOf, nextOf), options: HandlerOptions{Authorize: BearerToken("", false)},
		change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }},
	{name: "push from where the branch is not", want: ErrDiverged, path: pathPush + "?branch=main", kind: contentType, body: pushOf(oldOf, nextOf)},
	{name: "push that goes back", want: ErrDiverged, path: pathPush + "?branch=main", kind: contentType, body: func(l *lure) []byte {
		f := falsified{write: func(*lure, *frameWriter) {}}
		return f.message(l, func(w *frameWriter) { l.head(w, statusPush, l.first); l.head(w, statusPush, l.old) })
	}},
	{name: "push of a branch that is there as a new one", want: ErrDiverged, path: pathPush + "?branch=main", kind: contentType, body: func(l *lure) []byte {
		f := falsified{write: func(l *lure, w *frameWriter) { l.steps(w, l.run) }}
		return f.message(l, func(w *frameWriter) { _ = w.write(frameHead); l.head(w, statusPush, l.next) })
	}},
	{name: "panic in the hook", want: ErrRemote, path: pathPush + "?branch=main", kind: contentType, body: pushOf(firstOf, nextOf), options: HandlerOptions{Authorize: func(_ *http.Request, op Op) error {
		if op.Kind == OpWrite {
			panic("a fault of somebody else's")
		}
		return nil
	}}},
	{name: "block without a format", want: ErrProtocol, method: "GET", path: "/ipfs/" + emptyRoot.String()},
	{name: "block under an unknown hash function", want: ErrMissing, method: "GET", path: "/ipfs/" + unknownHash.String() + "?format=raw"},
	{name: "block that is not here", want: ErrMissing, method: "GET", path: "/ipfs/" + codec.Sum([]byte("?")).String() + "?format=raw"},
	{name: "CAR in an unknown scope", want: ErrProtocol, method: "GET", path: "/ipfs/" + emptyRoot.String() + "?format=car&dag-scope=everything"},
}

// unknownHash is a CID under a hash function that nobody knows.
var unknownHash = func() cid.Cid {
	c, err := cid.Cast([]byte{1, cid.Raw, 0xf0, 0x7f, 2, 1, 2})
	if err != nil {
		panic(err)
	}
	return c
}()

// errAnyRefusal: it is refused; how does not matter.
var errAnyRefusal = errors.New("any refusal")

// TestClientConduct: clients that misbehave in other ways, and the service goes
// on (Y5).
func TestClientConduct(t *testing.T) {
	l := newLure(t)
	e, b := l.victim(t)
	names := []string{"silence within a push", "more requests than are served at once"}
	for _, f := range clientConducts {
		names = append(names, f.name)
		t.Run(f.name, func(t *testing.T) {
			if f.options.Authorize == nil {
				f.options.Authorize = writable
			}
			s := serve(t, NewHandler(e, f.options))
			var body []byte
			if f.body != nil {
				body = f.body(l)
			}
			if f.method == "" {
				f.method = http.MethodPost
			}
			err := request(t, s, f.method, f.path, f.kind, bytes.NewReader(body), f.change)
			if f.want == errAnyRefusal {
				if err == nil || errors.Is(err, errBroken) {
					t.Errorf("got %v", err)
				}
			} else {
				want(t, err, f.want)
			}
			l.unchanged(t, e, b)
			c := client(t, s)
			c.Token = "secret"
			if f.name != "empty token" {
				must(c.Branches(ctx))(t)
			}
		})
	}
	listed(t, "clients", names)
}

// TestSilentClient: a push that goes silent ends, and others are served
// meanwhile.
func TestSilentClient(t *testing.T) {
	l := newLure(t)
	e, b := l.victim(t)
	s := serve(t, NewHandler(e, HandlerOptions{Authorize: writable, Budget: Budget{Idle: 50 * time.Millisecond}}))
	conn := must(net.Dial("tcp", s.Listener.Addr().String()))(t)
	defer conn.Close()
	_, err := io.WriteString(conn, "POST "+pathPush+"?branch=main HTTP/1.1\r\nHost: x\r\nContent-Type: "+contentType+"\r\nContent-Length: 100000\r\n\r\nh")
	do(t, err)
	must(client(t, s).Branches(ctx))(t)
	answer := must(io.ReadAll(conn))(t) // it is closed
	if !strings.Contains(string(answer), "408") {
		t.Errorf("answered %q", answer)
	}
	l.unchanged(t, e, b)
}

// TestBusy: more requests than are served at once are told so.
func TestBusy(t *testing.T) {
	l := newLure(t)
	e, _ := l.victim(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, NewHandler(e, HandlerOptions{MaxConcurrent: 1, Authorize: func(r *http.Request, op Op) error {
		if r.Header.Get("X-Wait") != "" {
			close(inside)
			<-leave
		}
		return nil
	}}))
	done := make(chan error, 1)
	go func() {
		done <- request(t, s, "GET", "/ipfs/"+emptyRoot.String()+"?format=raw", "", nil, func(r *http.Request) { r.Header.Set("X-Wait", "1") })
	}()
	<-inside
	c := client(t, s)
	c.Retries = -1
	_, err := c.Branches(ctx)
	want(t, err, ErrBusy)
	close(leave)
	<-done
	must(c.Branches(ctx))(t)
}
