package dskv

import (
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"

	ds "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

const (
	nodeSpace = "/n"
	blobSpace = "/b"
	logSpace  = "/l"
	refSpace  = "/r"
)

var formatKey = ds.RawKey("/f")

var names = base32.HexEncoding.WithPadding(base32.NoPadding)

func nodeKey(h codec.Hash) ds.Key { return named(nodeSpace, h[:]) }

func blobKey(multihash []byte) ds.Key { return named(blobSpace, multihash) }

func refKey(name string) ds.Key { return named(refSpace, []byte(name)) }

// logPrefix is above the records of a ref's log.
func logPrefix(ref string) ds.Key { return named(logSpace, []byte(ref)) }

func logKey(ref string, epoch, seq uint64) ds.Key {
	return ds.RawKey(fmt.Sprintf("%s/%016x/%016x", logPrefix(ref), epoch, seq))
}

func named(space string, name []byte) ds.Key {
	return ds.RawKey(space + "/" + names.EncodeToString(name))
}

// nameIn is the name in a key of a space.
func nameIn(space, key string) ([]byte, error) {
	text, ok := strings.CutPrefix(key, space+"/")
	if !ok {
		return nil, fmt.Errorf("%w: key %q", kv.ErrCorrupt, key)
	}
	name, err := names.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: key %q: %w", kv.ErrCorrupt, key, err)
	}
	return name, nil
}

// parseLogKey takes the key of a log record apart.
func parseLogKey(key string) (ref string, epoch, seq uint64, err error) {
	parts := strings.Split(strings.TrimPrefix(key, logSpace+"/"), "/")
	if len(parts) == 3 {
		name, e1 := names.DecodeString(parts[0])
		epoch, e2 := strconv.ParseUint(parts[1], 16, 64)
		seq, e3 := strconv.ParseUint(parts[2], 16, 64)
		if e1 == nil && e2 == nil && e3 == nil {
			return string(name), epoch, seq, nil
		}
	}
	return "", 0, 0, fmt.Errorf("%w: key %q", kv.ErrCorrupt, key)
}
