package auth

import (
	"bytes"
	"crypto/sha256"
	"math"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
)

// cache remembers what was proven, and decoded UCANs. It holds no verdict of
// its own: what is looked up is held again against the time, revocations and
// the UCANs that were sent.
type cache struct {
	proofs *generations[claimKey, *proven]
	tokens *generations[cid.Cid, *token]
	lists  *generations[cid.Cid, []cid.Cid] // that the service keeps
}

// claimKey is a claim and the delegation that it was proven by.
type claimKey struct {
	proof     cid.Cid
	can, with string
	nb        [sha256.Size]byte // zero where no delegation of the path names nb
}

// proven is a path that was found valid from a delegation upwards.
type proven struct {
	beside []cid.Cid // must be proofs of the UCAN that claims
	needs  []cid.Cid // must have been sent: all UCANs of the path
	lists  []cid.Cid // must be there: of chains that authorizations among them name
	check  []cid.Cid // must not be revoked: those, and what was validated for authorizations among them
	from   int64     // valid after this second
	until  int64     // and before this one
}

const (
	cachedProofs = 8192
	cachedTokens = 16 << 20 // bytes of blocks
	cachedLists  = 4 << 20  // bytes of blocks
)

func newCache(proofs int) *cache {
	if proofs == 0 {
		proofs = cachedProofs
	}
	on := min(proofs, 1)
	return &cache{
		proofs: newGenerations[claimKey, *proven](proofs),
		tokens: newGenerations[cid.Cid, *token](on * cachedTokens),
		lists:  newGenerations[cid.Cid, []cid.Cid](on * cachedLists),
	}
}

func (c *cache) len() int { return c.proofs.len() }

// readToken is the screen, for what it has not seen.
func (c *cache) readToken(id cid.Cid, b []byte, l Limits) (*token, error) {
	if t, ok := c.tokens.get(id); ok && bytes.Equal(t.bytes, b) {
		return t, nil
	}
	t, err := readToken(id, b, l)
	if err == nil {
		c.tokens.put(id, t, len(b)+512) // about what it takes decoded
	}
	return t, err
}

// remembered grants an invocation whose claim was proven before, by a proof
// that it has again. Nil says nothing: the validator is to be asked.
func (r *request) remembered(ab Ability, c Capability) (*Grant, error) {
	inv := r.chain.root
	if keyless(inv.iss) || ab.check(c) != nil || r.timely(inv.dlg) != nil {
		return nil, nil
	}
	e := r.lookup(inv, c)
	if e == nil {
		return nil, r.stopped()
	}
	key, err := r.parsePrincipal(inv.iss.String())
	if err != nil {
		return nil, nil
	}
	if ok, err := verifySignature(inv, key); err != nil || !ok {
		return nil, r.stopped()
	}
	return &Grant{Invocation: r.chain, Capability: c, Path: append([]cid.Cid{inv.cid}, e.needs...), Cached: true}, nil
}

// lookup finds what was proven and holds now.
func (r *request) lookup(inv *token, c Capability) *proven {
	if revoked, err := r.isRevoked(inv.cid); revoked || err != nil {
		return nil
	}
	var nb [sha256.Size]byte
	for _, p := range inv.prf {
		if t := r.chain.tokens[p]; t == nil || t.aud != inv.iss {
			continue
		}
		k := claimKey{proof: p, can: c.Can, with: c.With}
		e, ok := r.v.cache.proofs.get(k)
		if !ok && c.Nb != nil && c.Nb.Length() > 0 {
			if nb == (claimKey{}).nb {
				nb = hashOf(c.Nb)
			}
			k.nb = nb
			e, ok = r.v.cache.proofs.get(k)
		}
		if ok && r.holds(inv, e) {
			return e
		}
	}
	return nil
}

// holds tells whether a path is valid now, for an invocation with these proofs.
func (r *request) holds(inv *token, e *proven) bool {
	if r.now <= e.from || r.now >= e.until {
		return false
	}
	for _, c := range e.beside {
		if !slices.Contains(inv.prf, c) {
			return false
		}
	}
	for _, c := range e.needs {
		if r.chain.tokens[c] == nil {
			return false
		}
	}
	for _, c := range e.lists {
		if r.chain.lists[c] == nil {
			return false
		}
	}
	for _, c := range e.check {
		if revoked, err := r.isRevoked(c); revoked || err != nil {
			return false
		}
	}
	return true
}

// remember keeps a path that was found valid, from the proof of the invocation
// upwards. Paths that rest on something outside of the UCANs that were sent are
// not kept: a resolved DID may have another key tomorrow.
func (r *request) remember(c Capability, found *path) {
	if found.up == nil || len(found.attested) > 0 {
		return
	}
	e := &proven{from: math.MinInt64, until: math.MaxInt64}
	if !r.gather(found.up, e) {
		return
	}
	proof := found.up.at
	if s := r.standing[proof]; s != nil {
		proof = s.proof.cid
	}
	k := claimKey{proof: proof, can: c.Can, with: c.With}
	for _, id := range e.needs {
		t := r.chain.tokens[id]
		for _, d := range t.caps {
			if covers(d.Can, c.Can) && d.Nb != nil && d.Nb.Length() > 0 {
				k.nb = hashOf(c.Nb)
			}
		}
		e.from = max(e.from, int64(t.dlg.NotBefore()))
		if exp := t.dlg.Expiration(); exp != nil {
			e.until = min(e.until, int64(*exp))
		}
	}
	for _, p := range found.up.attested {
		e.beside = append(e.beside, p.at)
	}
	e.check = append(e.check, e.needs...)
	r.v.cache.proofs.put(k, e, 1)
}

// gather collects the UCANs of a path; false when it rests on others too.
func (r *request) gather(p *path, e *proven) bool {
	for ; p != nil; p = p.up {
		if s := r.standing[p.at]; s != nil {
			if !r.gatherStandIn(s, e) {
				return false
			}
			continue
		}
		t := r.chain.tokens[p.at]
		if keyless(t.iss) && t.iss != r.v.service && len(p.attested) == 0 {
			return false // its key was resolved
		}
		e.needs = appendNew(e.needs, p.at)
		for _, a := range p.attested {
			if !r.selfContained(a) || !r.gather(a, e) {
				return false
			}
		}
	}
	return true
}

func (r *request) gatherStandIn(s *standIn, e *proven) bool {
	e.needs = appendNew(e.needs, s.proof.cid)
	if s.below == r.chain.root {
		e.beside = append(e.beside, s.path.at)
	} else {
		e.needs = appendNew(e.needs, s.below.cid)
	}
	if s.list.Defined() {
		e.lists = appendNew(e.lists, s.list)
	}
	e.check = append(e.check, s.chain...)
	return r.gather(s.path, e)
}

// selfContained tells whether an attestation counts by what was sent, and not
// by an attestor that the service knows.
func (r *request) selfContained(a *path) bool {
	return slices.ContainsFunc(r.chain.tokens[a.at].caps, func(c Capability) bool {
		return c.Can == attestAbility && c.With == r.v.service.String()
	})
}

func appendNew(all []cid.Cid, c cid.Cid) []cid.Cid {
	if slices.Contains(all, c) {
		return all
	}
	return append(all, c)
}

// hashOf is the hash of nb in canonical form.
func hashOf(nb datamodel.Node) [sha256.Size]byte {
	if nb == nil || nb.Length() == 0 {
		return [sha256.Size]byte{1} // not the zero that stands for any
	}
	h := sha256.New()
	if err := dagcbor.Encode(nb, h); err != nil {
		return [sha256.Size]byte(sha256.New().Sum(nil)) // nb of screened blocks encode
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// generations is a bounded map: what was not asked for while half of its room
// was filled anew is dropped. Safe for concurrent use.
type generations[K comparable, V any] struct {
	mu         sync.Mutex
	room       int
	used       int // by the young
	young, old map[K]weighed[V]
}

type weighed[V any] struct {
	value  V
	weight int
}

func newGenerations[K comparable, V any](room int) *generations[K, V] {
	return &generations[K, V]{room: room, young: map[K]weighed[V]{}, old: map[K]weighed[V]{}}
}

func (g *generations[K, V]) get(k K) (v V, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e, ok := g.young[k]; ok {
		return e.value, true
	}
	e, ok := g.old[k]
	if ok {
		g.add(k, e)
	}
	return e.value, ok
}

func (g *generations[K, V]) put(k K, v V, weight int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.add(k, weighed[V]{v, weight})
}

func (g *generations[K, V]) add(k K, e weighed[V]) {
	if e.weight > g.room/2 {
		return
	}
	if g.used+e.weight > g.room/2 {
		g.young, g.old, g.used = map[K]weighed[V]{}, g.young, 0
	}
	g.used += e.weight - g.young[k].weight
	g.young[k] = e
}

func (g *generations[K, V]) len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.young)
	for k := range g.old {
		if _, ok := g.young[k]; !ok {
			n++
		}
	}
	return n
}
