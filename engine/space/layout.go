package space

import (
	"fmt"
	"strings"

	cid "github.com/ipfs/go-cid"
	mbase "github.com/multiformats/go-multibase"
	mh "github.com/multiformats/go-multihash"
	"github.com/storacha/go-ucanto/did"
)

// What the keys of a space begin with. Under any other the client keeps what it
// likes.
const (
	PrefixBlob       = "/blob/"             // multihash: the space/blob/add receipt
	PrefixUpload     = "/upload/"           // root CID: the upload/add receipt
	PrefixQueue      = "/invocation/queue/" // CID: the invocation, to be run
	PrefixRun        = "/invocation/run/"   // CID: the invocation, answered
	PrefixReceipt    = "/receipt/"          // CID of the invocation: the receipt
	PrefixDelegation = "/delegation/"       // CID: a delegation, or any proof
	PrefixAttached   = "/attached/"         // CID: another block that an invocation came with
)

// upheld are the prefixes under which the service alone decides (S3).
var upheld = []string{PrefixBlob, PrefixUpload, PrefixRun, PrefixReceipt}

func isUpheld(key []byte) bool {
	for _, p := range upheld {
		if strings.HasPrefix(string(key), p) {
			return true
		}
	}
	return false
}

// branchPrefix begins the name of every space's branch.
const branchPrefix = "space/"

// BranchName is the branch that holds a space: "space/did:key:…".
func BranchName(space did.DID) string { return branchPrefix + space.String() }

// trackingName is the branch that holds a space as a service last had it, on a
// client.
func trackingName(space, service did.DID) string {
	return BranchName(space) + "@" + service.String()
}

// ParseBranchName is the inverse of BranchName; false for any other branch.
func ParseBranchName(name string) (did.DID, bool) {
	id, ok := strings.CutPrefix(name, branchPrefix)
	if !ok || strings.Contains(id, "@") {
		return did.Undef, false
	}
	d, err := did.Parse(id)
	return d, err == nil
}

func cidKey(prefix string, c cid.Cid) []byte { return []byte(prefix + c.String()) }

// BlobKey is where the receipt for a blob stands.
func BlobKey(digest mh.Multihash) []byte { return []byte(PrefixBlob + formatDigest(digest)) }

// formatDigest writes a multihash in base58btc, with its "z".
func formatDigest(digest mh.Multihash) string {
	s, err := mbase.Encode(mbase.Base58BTC, digest)
	if err != nil { // not for a base that is there
		panic(err)
	}
	return s
}

// ParseDigest reads a multihash that formatDigest wrote. Only SHA-256 is taken:
// the one hash that blobs are checked with.
func ParseDigest(s string) (mh.Multihash, error) {
	base, b, err := mbase.Decode(s)
	if err != nil || base != mbase.Base58BTC {
		return nil, fmt.Errorf("%w: digest %q", ErrMalformed, s)
	}
	return checkDigest(b)
}

func checkDigest(b []byte) (mh.Multihash, error) {
	d, err := mh.Decode(b)
	if err != nil || d.Code != mh.SHA2_256 || len(d.Digest) != 32 {
		return nil, fmt.Errorf("%w: not a SHA-256 multihash", ErrMalformed)
	}
	return mh.Multihash(b), nil
}
