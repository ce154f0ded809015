package space

import (
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var confirmPage = template.Must(template.New("confirm").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Confirm</title>
<body style="font-family: sans-serif; max-width: 40em; margin: 3em auto">
{{if .Done}}<h1>Confirmed</h1><p>The agent may act for you now. You can close this page.</p>
{{else if .Gone}}<h1>Nothing to confirm</h1><p>The link was used already, or is too old. Ask for another.</p>
{{else}}<h1>Is that you?</h1>
<p>The agent <code>{{.Agent}}</code> asks to act for <code>{{.Account}}</code>: <b>{{.Can}}</b>.</p>
<form method="post"><button>Confirm</button></form>
{{end}}</body></html>
`))

type confirmation struct {
	Account, Agent, Can string
	Done, Gone          bool
}

func newConfirmation(p pending) confirmation {
	return confirmation{Account: p.Account, Agent: p.Agent, Can: strings.Join(p.Can, ", ")}
}

// serveShow tells what a link confirms, and changes nothing: mail programs
// follow links by themselves.
func (s *Service) serveShow(w http.ResponseWriter, r *http.Request) {
	p, err := s.Pending(r.Context(), r.PathValue("secret"))
	s.page(w, r, newConfirmation(p), err)
}

// serveConfirm confirms. Whoever can read the account's mail is known from then on.
func (s *Service) serveConfirm(w http.ResponseWriter, r *http.Request) {
	account, err := s.Confirm(r.Context(), r.PathValue("secret"))
	if err == nil {
		err = s.startSession(r.Context(), w, account)
	}
	s.page(w, r, confirmation{Done: true}, err)
}

// In the service's own side tree, sideSession is followed by the hash of the
// cookie of a browser whose user has confirmed by mail before.
const (
	sideSession = "session/"
	cookieName  = "account"
	sessionTime = 30 * 24 * time.Hour
)

// session is an account that a browser is known to be of.
type session struct {
	Account string `json:"account"`
	Expires int64  `json:"expires"`
}

func (s *Service) startSession(ctx context.Context, w http.ResponseWriter, account string) error {
	secret := rand.Text()
	v := session{account, s.o.Now().Add(sessionTime).Unix()}
	err := s.own.Update(ctx, func(u *engine.Update) error {
		return u.Side().Apply(ctx, []prolly.Edit{putJSON(sideSession+hashOf(secret), v)})
	})
	if err == nil {
		http.SetCookie(w, &http.Cookie{
			Name: cookieName, Value: secret, Path: "/authorize/", MaxAge: int(sessionTime.Seconds()),
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.o.URL, "https:"),
		})
	}
	return err
}

// onScreen is what an agent with a screen asked for, when the browser's session
// is that of the account. Otherwise ErrNotPending: nothing is told to strangers.
func (s *Service) onScreen(r *http.Request) (p pending, err error) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return p, ErrNotPending
	}
	ctx := r.Context()
	err = side(ctx, s.own, func(root *engine.Root) error {
		var v session
		found, err := getJSON(ctx, root, sideSession+hashOf(c.Value), &v)
		if err == nil && (!found || s.o.Now().Unix() >= v.Expires) {
			err = ErrNotPending
		}
		if err == nil {
			p, err = s.asked(ctx, root, r.PathValue("request"))
		}
		if err == nil && p.Account != v.Account {
			err = ErrNotPending
		}
		return err
	})
	return p, err
}

func (s *Service) serveScreen(w http.ResponseWriter, r *http.Request) {
	p, err := s.onScreen(r)
	if err != nil {
		p = pending{}
	}
	s.page(w, r, newConfirmation(p), err)
}

func (s *Service) serveScreenConfirm(w http.ResponseWriter, r *http.Request) {
	unlock, err := s.running.lock(r.Context(), serviceBranch)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer unlock()
	p, err := s.onScreen(r)
	if err == nil {
		err = s.confirm(r.Context(), p)
	}
	s.page(w, r, confirmation{Done: true}, err)
}

func (s *Service) page(w http.ResponseWriter, r *http.Request, c confirmation, err error) {
	if err != nil && !errors.Is(err, ErrNotPending) {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	if err != nil {
		c = confirmation{Gone: true}
		w.WriteHeader(http.StatusNotFound)
	}
	if err := confirmPage.Execute(w, c); err != nil {
		s.log.Debug("page not sent", "err", err)
	}
}
