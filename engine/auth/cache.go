package auth

import (
	"github.com/ipfs/go-cid"
)

// cache remembers validations and decoded UCANs.
type cache struct{}

func newCache(int) *cache { return &cache{} }

func (c *cache) len() int { return 0 }

func (c *cache) readToken(id cid.Cid, b []byte, l Limits) (*token, error) { return readToken(id, b, l) }

func (r *request) remembered(Ability, Capability) (*Grant, error) { return nil, nil }

func (r *request) remember(Capability, *path) {}
