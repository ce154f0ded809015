package space

import (
	"context"
	"sync"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// maxMails is how many mails an account is sent while the first of them is good.
// Anyone may ask for one.
const maxMails = 16

// maxMailed is how many accounts are sent mails meanwhile.
const maxMailed = 100_000

// mailLimit counts the mails of accounts. The zero value is ready.
type mailLimit struct {
	mu    sync.Mutex
	began time.Time
	sent  map[string]int // since then
}

// take tells whether another mail may go to an account now, and counts it.
func (l *mailLimit) take(account string, now time.Time, within time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent == nil || now.Sub(l.began) >= within {
		l.began, l.sent = now, map[string]int{}
	}
	if l.sent[account] == 0 && len(l.sent) == maxMailed {
		return false
	}
	l.sent[account]++
	return l.sent[account] <= maxMails
}

// dropLogins forgets logins that nobody confirmed in time, and sessions that have
// ended.
func (s *Service) dropLogins(ctx context.Context) error {
	now := s.o.Now().Unix()
	var gone []prolly.Edit
	err := side(ctx, s.own, func(r *engine.Root) error {
		for e, err := range r.Range(ctx, prolly.Range{Prefix: []byte(sidePending)}) {
			var p pending
			if err == nil {
				_, err = getJSON(ctx, r, string(e.Key), &p)
			}
			if err != nil {
				return err
			}
			if now >= p.Expires {
				gone = append(gone, remove(string(e.Key)), remove(sideSecret+p.Secret))
			}
		}
		for e, err := range r.Range(ctx, prolly.Range{Prefix: []byte(sideSession)}) {
			var v session
			if err == nil {
				_, err = getJSON(ctx, r, string(e.Key), &v)
			}
			if err != nil {
				return err
			}
			if now >= v.Expires {
				gone = append(gone, remove(string(e.Key)))
			}
		}
		return nil
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	return s.own.Update(ctx, func(u *engine.Update) error { return u.Side().Apply(ctx, gone) }, engine.NoSync)
}
