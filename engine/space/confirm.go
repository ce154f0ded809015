package space

import (
	"errors"
	"html/template"
	"net/http"
	"strings"
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

// serveShow tells what a link confirms, and changes nothing: mail programs
// follow links by themselves.
func (s *Service) serveShow(w http.ResponseWriter, r *http.Request) {
	account, agent, can, err := s.Pending(r.Context(), r.PathValue("secret"))
	s.page(w, r, confirmation{Account: account, Agent: agent, Can: strings.Join(can, ", ")}, err)
}

func (s *Service) serveConfirm(w http.ResponseWriter, r *http.Request) {
	err := s.Confirm(r.Context(), r.PathValue("secret"))
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
