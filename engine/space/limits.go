package space

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// How long a client may take to send a request and to take the answer, when it is
// no blob; and how long it may be silent within a blob.
const (
	sendTime    = time.Minute
	takeTime    = 2 * time.Minute
	silenceTime = 30 * time.Second
)

// bounded lets a bounded number of requests work at once, in bounded memory. A
// request is read before it takes a place, so that slow clients keep nobody
// waiting but each other.
func (s *Service) bounded(next http.Handler) http.Handler {
	work := semaphore.NewWeighted(int64(s.o.Limits.Requests))
	blobs := semaphore.NewWeighted(int64(s.o.Limits.Requests))
	memory := semaphore.NewWeighted(max(s.o.Limits.Memory, s.o.Limits.RequestBytes))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		places := work
		c := http.NewResponseController(w)
		switch {
		case r.Method == http.MethodPost:
			n := s.weight(r)
			if memory.Acquire(r.Context(), n) != nil {
				return // the client is gone
			}
			defer memory.Release(n)
			if err := s.readBody(w, r, c); err != nil {
				s.fail(w, r, err)
				return
			}
		case isBlob(r):
			places = blobs
			r.Body = &patient{r.Body, c}
		}
		if places.Acquire(r.Context(), 1) != nil {
			return
		}
		defer places.Release(1)
		if places == work {
			// Without deadlines, as in tests of the handler alone, nothing is lost.
			_ = c.SetWriteDeadline(time.Now().Add(takeTime))
		}
		next.ServeHTTP(w, r)
	})
}

func isBlob(r *http.Request) bool {
	return len(r.URL.Path) > len("/blob/") && r.URL.Path[:len("/blob/")] == "/blob/"
}

// weight is how many bytes of a request are held at once.
func (s *Service) weight(r *http.Request) int64 {
	if r.ContentLength < 0 {
		return s.o.Limits.RequestBytes
	}
	return min(max(r.ContentLength, 1<<16), s.o.Limits.RequestBytes)
}

// readBody takes the body of a request into memory.
func (s *Service) readBody(w http.ResponseWriter, r *http.Request, c *http.ResponseController) error {
	_ = c.SetReadDeadline(time.Now().Add(sendTime))
	var b bytes.Buffer
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, s.o.Limits.RequestBytes))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		err = errors.Join(ErrMalformed, err)
	}
	r.Body = io.NopCloser(&b)
	return err
}

// patient reads as long as bytes keep coming.
type patient struct {
	io.ReadCloser
	c *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.c.SetReadDeadline(time.Now().Add(silenceTime))
	return p.ReadCloser.Read(b)
}
