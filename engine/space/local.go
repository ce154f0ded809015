package space

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	mh "github.com/multiformats/go-multihash"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// What a client keeps of a space for itself stands in the side tree of its
// branch, which does not travel.
const (
	sideSettings = "settings"
	sideWanted   = "wanted/" // multihash: size of a blob to be added when the service is known
)

// Settings are how a replica is worked on. The zero value is a good one.
type Settings struct {
	KeyFile    string `json:"keyFile,omitempty"` // of the agent
	URL        string `json:"url,omitempty"`     // of the service last synced with
	Service    string `json:"service,omitempty"` // its DID
	ServiceKey string `json:"serviceKey,omitempty"`
}

// Identity is who the service is; false when it is not known yet.
func (s Settings) Identity() (Identity, bool) {
	id, err1 := did.Parse(s.Service)
	key, err2 := did.Parse(s.ServiceKey)
	return Identity{id, key}, err1 == nil && err2 == nil
}

// SetIdentity notes who a service is. It is an error when another key has
// answered for the same service before.
func (s *Settings) SetIdentity(url string, id Identity) error {
	if s.Service == id.DID.String() && s.ServiceKey != id.Key.String() {
		return fmt.Errorf("%w: %v had the key %s, and now %v", ErrService, id.DID, s.ServiceKey, id.Key)
	}
	s.URL, s.Service, s.ServiceKey = url, id.DID.String(), id.Key.String()
	return nil
}

// Settings returns what was set.
func (s *Space) Settings(ctx context.Context) (v Settings, err error) {
	snap, err := s.b.Snapshot(ctx)
	if err != nil {
		return v, err
	}
	defer snap.Close()
	b, err := snap.Side().Get(ctx, []byte(sideSettings))
	if errors.Is(err, engine.ErrNotFound) {
		return v, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	return v, err
}

// SetSettings replaces them.
func (s *Space) SetSettings(ctx context.Context, v Settings) error {
	return s.b.Update(ctx, func(u *engine.Update) error {
		return u.Side().Apply(ctx, []prolly.Edit{putJSON(sideSettings, v)})
	})
}

// WantBlob notes a blob to be added as soon as the service is known: an
// invocation is signed for one service.
func (s *Space) WantBlob(ctx context.Context, d mh.Multihash, size uint64) error {
	return s.b.Update(ctx, func(u *engine.Update) error {
		return u.Side().Put(ctx, []byte(sideWanted+formatDigest(d)), strconv.AppendUint(nil, size, 10))
	})
}

// Wanted lists the blobs that wait for a service.
func (s *Space) Wanted(ctx context.Context) (out []Blob, err error) {
	snap, err := s.b.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	for e, err := range snap.Side().Range(ctx, prolly.Range{Prefix: []byte(sideWanted)}) {
		if err != nil {
			return nil, err
		}
		d, err := ParseDigest(strings.TrimPrefix(string(e.Key), sideWanted))
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseUint(string(e.Value.Bytes), 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, Blob{Digest: d, Size: size, State: receipt.Queued})
	}
	return out, nil
}

// AddWanted queues what waited for a service.
func (s *Space) AddWanted(ctx context.Context, c *Client) error {
	list, err := s.Wanted(ctx)
	if err != nil {
		return err
	}
	for _, b := range list {
		if _, err := s.AddBlob(ctx, c, b.Digest, b.Size); err != nil {
			return err
		}
		err := s.b.Update(ctx, func(u *engine.Update) error { return u.Side().Delete(ctx, []byte(sideWanted+formatDigest(b.Digest))) })
		if err != nil {
			return err
		}
	}
	return nil
}

// ParseDID reads a DID.
func ParseDID(s string) (did.DID, error) {
	d, err := did.Parse(s)
	if err != nil {
		return d, fmt.Errorf("%w: %q is no DID", ErrMalformed, s)
	}
	return d, nil
}

// Name is the digest as it stands in keys and addresses.
func (b Blob) Name() string { return formatDigest(b.Digest) }
