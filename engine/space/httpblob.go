package space

import (
	"context"
	"fmt"
	"net/http"
	"time"

	mh "github.com/multiformats/go-multihash"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// mayPublish locks a digest while bytes are made to be found that have arrived; they
// may have been given up in the meantime.
func (s *Service) mayPublish(ctx context.Context, space did.DID, d mh.Multihash) (unlock func(), err error) {
	if unlock, err = s.digests.lock(ctx, string(d)); err != nil {
		return nil, err
	}
	_, found, err := s.allocated(ctx, space, d)
	if err == nil && !found {
		err = fmt.Errorf("%w: not allocated any more", engine.ErrNotFound)
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// servePut takes the bytes of a blob that a space has allocated.
func (s *Service) servePut(w http.ResponseWriter, r *http.Request) {
	id, err := did.Parse(r.PathValue("did"))
	if err != nil {
		http.Error(w, "no DID", http.StatusBadRequest)
		return
	}
	digest, err := ParseDigest(r.PathValue("digest"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	a, found, err := s.allocated(r.Context(), id, digest)
	switch {
	case err != nil:
		s.fail(w, r, err)
		return
	case !found:
		http.Error(w, "not allocated", http.StatusNotFound)
		return
	case s.o.Now().Unix() >= a.Expires:
		http.Error(w, "the address has expired", http.StatusGone)
		return
	case r.ContentLength >= 0 && uint64(r.ContentLength) != a.Size:
		http.Error(w, fmt.Sprintf("the blob has %d bytes", a.Size), http.StatusBadRequest)
		return
	}
	err = s.o.Blobs.put(digest, a.Size, http.MaxBytesReader(w, r.Body, int64(a.Size)), func() (func(), error) {
		return s.mayPublish(r.Context(), id, digest)
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.n.blobBytes.Add(a.Size)
	w.WriteHeader(http.StatusOK)
}

func (s *Service) serveBlob(w http.ResponseWriter, r *http.Request) {
	digest, err := ParseDigest(r.PathValue("digest"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f, err := s.o.Blobs.Open(digest)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer f.Close() // only read from
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Etag", `"`+formatDigest(digest)+`"`)
	http.ServeContent(w, r, "", time.Time{}, f)
}
