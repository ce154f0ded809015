package space

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// What the service knows of a space stands in the side tree of the space's
// branch, where no client reads or writes:
//
//	receipt/<invocation CID>   link to the receipt: what was run
//	blob/<multihash>           link to the receipt that stands under /blob/
//	upload/<root CID>          link to the receipt that stands under /upload/
//	alloc/<multihash>          allocation, JSON
//	block/<CID>                link to a block that receipts refer to
//	usage                      bytes allocated, decimal
//	root                       link to the root of the last sync
const (
	sideReceipt = "receipt/"
	sideBlob    = "blob/"
	sideUpload  = "upload/"
	sideAlloc   = "alloc/"
	sideBlock   = "block/"
	sideUsage   = "usage"
	sideRoot    = "root"
)

// allocation is a blob that counts against the capacity of a space.
type allocation struct {
	Size    uint64 `json:"size"`
	Cause   string `json:"cause"`  // CID of the space/blob/add invocation
	Put     string `json:"put"`    // CID of the http/put task
	Accept  string `json:"accept"` // CID of the blob/accept task
	Expires int64  `json:"expires"`
	Located bool   `json:"located"`
	Since   int64  `json:"since"` // Unix milliseconds
}

// side reads a side tree as it is now.
func side(ctx context.Context, b *engine.Branch, f func(r *engine.Root) error) error {
	return b.Update(ctx, func(u *engine.Update) error { return f(u.Side()) })
}

// getLink reads a link; cid.Undef when there is none.
func getLink(ctx context.Context, r *engine.Root, key string) (cid.Cid, error) {
	e, err := r.Lookup(ctx, []byte(key))
	if errors.Is(err, engine.ErrNotFound) {
		return cid.Undef, nil
	}
	return e.Value.Link, err
}

// getJSON reads a record; false when there is none.
func getJSON(ctx context.Context, r *engine.Root, key string, v any) (bool, error) {
	b, err := r.Get(ctx, []byte(key))
	if errors.Is(err, engine.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return false, fmt.Errorf("space: record %s: %w", key, err)
	}
	return true, nil
}

// getUsage is the number of bytes allocated in a space.
func getUsage(ctx context.Context, r *engine.Root) (uint64, error) {
	b, err := r.Get(ctx, []byte(sideUsage))
	if errors.Is(err, engine.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(b), 10, 64)
}

func putLink(key string, c cid.Cid) prolly.Edit {
	return prolly.Edit{Key: []byte(key), Value: prolly.Value{Link: c}}
}

func putJSON(key string, v any) prolly.Edit {
	b, err := json.Marshal(v)
	if err != nil { // not for the records here
		panic(err)
	}
	return prolly.Edit{Key: []byte(key), Value: prolly.Value{Bytes: b}}
}

func putUsage(n uint64) prolly.Edit {
	return prolly.Edit{Key: []byte(sideUsage), Value: prolly.Value{Bytes: strconv.AppendUint(nil, n, 10)}}
}

func remove(key string) prolly.Edit { return prolly.Edit{Key: []byte(key), Delete: true} }

func allocKey(d mh.Multihash) string { return sideAlloc + formatDigest(d) }

// known is the receipt or invocation that the service itself has for a key under
// an upheld prefix; cid.Undef when there is none.
func known(ctx context.Context, r *engine.Root, key string) (cid.Cid, error) {
	cut := func(prefix string) (string, bool) {
		if len(key) > len(prefix) && key[:len(prefix)] == prefix {
			return key[len(prefix):], true
		}
		return "", false
	}
	if rest, ok := cut(PrefixBlob); ok {
		return getLink(ctx, r, sideBlob+rest)
	}
	if rest, ok := cut(PrefixUpload); ok {
		return getLink(ctx, r, sideUpload+rest)
	}
	if rest, ok := cut(PrefixReceipt); ok {
		return getLink(ctx, r, sideReceipt+rest)
	}
	if rest, ok := cut(PrefixRun); ok { // also tasks that have no receipt yet
		return getLink(ctx, r, sideBlock+rest)
	}
	return cid.Undef, nil
}
