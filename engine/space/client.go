package space

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal"
	"github.com/storacha/go-ucanto/principal/signer"
	"github.com/storacha/go-ucanto/principal/verifier"

	edverifier "github.com/storacha/go-ucanto/principal/ed25519/verifier"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
)

// keyOf is the did:key of a signer, whatever its name.
func keyOf(s principal.Signer) did.DID {
	if w, ok := s.(signer.WrappedSigner); ok {
		return w.Unwrap().DID()
	}
	return s.DID()
}

// Identity is who a service is: its DID, and the did:key that it signs with.
type Identity struct{ DID, Key did.DID }

// Verifier checks what the service signed.
func (i Identity) Verifier() (principal.Verifier, error) {
	v, err := edverifier.Parse(i.Key.String())
	if err != nil {
		return nil, fmt.Errorf("space: key of %v: %w", i.DID, err)
	}
	if i.Key == i.DID {
		return v, nil
	}
	return verifier.Wrap(v, i.DID)
}

// Client talks to a service for an agent. It may be used by several goroutines
// at once.
type Client struct {
	URL     string // where the service is
	Service Identity
	Agent   principal.Signer
	HTTP    *http.Client // http.DefaultClient when nil

	// RequestBytes bounds a request of Space.Sync, about; a larger difference goes
	// in several. 64 MiB, which is the most, when 0.
	RequestBytes int64
}

// Identify asks a service who it is. A client that has known it before compares:
// the connection is all that vouches for the answer.
func Identify(ctx context.Context, url string, c *http.Client) (id Identity, err error) {
	cl := &Client{URL: url, HTTP: c}
	body, err := cl.do(ctx, http.MethodGet, "/.well-known/did.json", "", nil, 1<<16)
	if err != nil {
		return id, err
	}
	var doc document
	if err := json.Unmarshal(body, &doc); err != nil || len(doc.Keys) == 0 {
		return id, fmt.Errorf("%w: no DID document at %s", ErrService, url)
	}
	if id.DID, err = did.Parse(doc.ID); err == nil {
		id.Key, err = did.Parse(did.KeyPrefix + doc.Keys[0].Key)
	}
	if err != nil {
		return id, fmt.Errorf("%w: DID document: %v", ErrService, err)
	}
	return id, nil
}

// do makes a request and reads the whole answer, of at most limit bytes.
func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("space: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return c.send(req, limit)
}

func (c *Client) send(req *http.Request, limit int64) ([]byte, error) {
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	res, err := h.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrService, err)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrService, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%w: answer of more than %d bytes", ErrTooLarge, limit)
	}
	if res.StatusCode == http.StatusUnprocessableEntity {
		return nil, fmt.Errorf("%w: %.300s", ErrTooLarge, bytes.TrimSpace(b))
	}
	if res.StatusCode == http.StatusRequestEntityTooLarge {
		return nil, fmt.Errorf("%w: %w: %.300s", ErrTooLarge, errPart, bytes.TrimSpace(b))
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s: %.300s", ErrService, res.Status, bytes.TrimSpace(b))
	}
	return b, nil
}

// Answer is the receipt for an invocation, verified, and what came with it.
type Answer struct {
	Receipt *receipt.Receipt
	Blocks  map[cid.Cid][]byte
}

// Invoke sends one invocation and returns its receipt.
func (c *Client) Invoke(ctx context.Context, inv delegation.Delegation) (*Answer, error) {
	n, err := qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "ucanto/message@7.0.0", qp.Map(1, func(m datamodel.MapAssembler) {
			qp.MapEntry(m, "execute", qp.List(1, func(l datamodel.ListAssembler) { qp.ListEntry(l, qp.Link(inv.Link())) }))
		}))
	})
	if err != nil {
		return nil, err
	}
	root, err := nodeBlock(n)
	if err != nil {
		return nil, err
	}
	blocks, err := bundle(ctx, sourceOf(inv), mustCID(inv.Link()))
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := writeCAR(&body, root, blocks); err != nil {
		return nil, err
	}
	b, err := c.do(ctx, http.MethodPost, "/", carType, body.Bytes(), maxAnswer)
	if err != nil {
		return nil, err
	}
	return c.answerTo(b, mustCID(inv.Link()))
}

// answerTo reads a message with the receipt of an invocation.
func (c *Client) answerTo(b []byte, inv cid.Cid) (*Answer, error) {
	car, err := readCAR(bytes.NewReader(b), int64(len(b)), maxChanges)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrService, err)
	}
	n, err := decodeNode(car.byName[car.root])
	for _, name := range []string{"ucanto/message@7.0.0", "report", inv.String()} {
		if err == nil {
			n, err = n.LookupByString(name)
		}
	}
	var l ipld.Link
	if err == nil {
		l, err = n.AsLink()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: no receipt for %v", ErrService, inv)
	}
	at, err := cidOf(l)
	if err != nil {
		return nil, err
	}
	v, err := c.Service.Verifier()
	if err != nil {
		return nil, err
	}
	r, err := receipt.Verify(at, car.byName[at], inv, v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrService, err)
	}
	return &Answer{Receipt: r, Blocks: car.byName}, nil
}

// authorization is the invocation that a request for a sync comes with.
func (c *Client) authorization(space did.DID, head cid.Cid, proofs []delegation.Proof) (delegation.Delegation, error) {
	nb, err := qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "head", qp.Link(linkOf(head)))
	})
	if err != nil {
		return nil, err
	}
	return auth.Delegate(c.Agent, c.Service.DID, []auth.Capability{{Can: abilitySync, With: space.String(), Nb: nb}},
		auth.Terms{Expires: auth.Seconds(time.Now().Add(5 * time.Minute).Unix()), Proofs: proofs})
}

// putBlob sends the bytes of a blob.
func (c *Client) putBlob(ctx context.Context, url string, from *Blobs, b Blob) error {
	f, err := from.Open(b.Digest)
	if err != nil {
		return fmt.Errorf("space: %w", err)
	}
	defer f.Close() // only read from
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, f)
	if err != nil {
		return fmt.Errorf("space: %w", err)
	}
	req.ContentLength = int64(b.Size)
	if b.Size == 0 {
		req.Body = http.NoBody
	}
	_, err = c.send(req, 1<<16)
	return err
}
