package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	cid "github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var makeStores = flag.String("stores.make", "", "make golden stores of a `release`")

const goldenStores = "testdata/stores"

// TestGoldenStores: stores that this release and earlier ones made open, hold what
// they held, and go on. There are two of each: one that was closed, and one as a
// crash leaves it, with edits in the log and nodes that were never written.
//
//	go test ./engine -run TestGoldenStores -stores.make v1
func TestGoldenStores(t *testing.T) {
	if name := *makeStores; name != "" {
		makeGoldenStores(t, name)
	}
	archives, err := filepath.Glob(filepath.Join(goldenStores, "*.tar.gz"))
	if err != nil || len(archives) < 2 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, archive := range archives {
		t.Run(filepath.Base(archive), func(t *testing.T) {
			dir := t.TempDir()
			do(t, unpackStore(archive, dir))
			var want storeContent
			do(t, json.Unmarshal(must(os.ReadFile(strings.TrimSuffix(archive, ".tar.gz")+".json"))(t), &want))
			readGoldenStore(t, dir, want)
			writeGoldenStore(t, dir, want)
		})
	}
}

// readGoldenStore reads without writing, and then as one who may write.
func readGoldenStore(t *testing.T, dir string, want storeContent) {
	for _, readOnly := range []bool{true, false} {
		e := must(Open(dir, &Options{MustExist: true, ReadOnly: readOnly}))(t)
		if got := describe(t, e); !reflect.DeepEqual(got, want) {
			t.Errorf("read only %v: the store holds %+v, want %+v", readOnly, got, want)
		}
		do(t, e.Check(ctx, func(p Problem) { t.Errorf("read only %v: %v", readOnly, p) }))
		do(t, e.Close())
	}
}

// writeGoldenStore goes on with a store.
func writeGoldenStore(t *testing.T, dir string, want storeContent) {
	e := must(Open(dir, nil))(t)
	main := must(e.Branch(ctx, "main"))(t)
	do(t, main.Put(ctx, []byte("new"), []byte("value")))
	must(main.Commit(ctx, CommitOptions{}))(t)
	must(e.GC(ctx, GCOptions{}))(t)
	do(t, main.Delete(ctx, []byte("new")))
	do(t, e.Close())
	e = must(Open(dir, nil))(t)
	main = must(e.Branch(ctx, "main"))(t)
	if got := must(main.Fold(ctx))(t).String(); got != want.Branches["main"].Root {
		t.Errorf("the root is %v after a key came and went, want %v", got, want.Branches["main"].Root)
	}
	do(t, e.Check(ctx, func(p Problem) { t.Error(p) }))
	do(t, e.Close())
}

// storeContent is what a store holds.
type storeContent struct {
	Branches map[string]branchContent `json:"branches"`
	Tags     map[string]string        `json:"tags"`
}

type branchContent struct {
	Root    string   `json:"root"`
	Commits []string `json:"commits"` // newest first
	Entries int      `json:"entries"`
	Digest  string   `json:"digest"` // of keys and values, what they link to included
	Side    string   `json:"side"`   // the same of the tree beside
	Staged  int      `json:"staged"` // edits, before anything was asked
}

func describe(t *testing.T, e *Engine) storeContent {
	c := storeContent{Branches: map[string]branchContent{}, Tags: map[string]string{}}
	for _, tag := range must(e.Tags(ctx))(t) {
		c.Tags[tag.Name] = tag.CID.String()
	}
	for _, name := range must(e.BranchNames(ctx))(t) {
		b := must(e.Lookup(ctx, name))(t)
		d := branchContent{Staged: b.Staged()}
		s := must(b.Snapshot(ctx))(t)
		d.Root = s.Tree().Root().String()
		d.Entries, d.Digest = digestOf(t, s.Tree(), e)
		_, d.Side = digestOf(t, s.Side(), e)
		do(t, s.Close())
		for commit, err := range b.Log(ctx, LogOptions{}) {
			do(t, err)
			d.Commits = append(d.Commits, commit.CID.String())
		}
		c.Branches[name] = d
	}
	return c
}

// digestOf hashes entries and what they lead to.
func digestOf(t *testing.T, from prolly.Tree, e *Engine) (n int, digest string) {
	h := sha256.New()
	for entry, err := range from.Range(ctx, prolly.Range{}) {
		do(t, err)
		value := entry.Value.Bytes
		switch entry.Value.Kind() {
		case codec.Blob:
			value = must(from.Get(ctx, entry.Key))(t)
		case codec.Link:
			value = must(e.ReadBlock(ctx, entry.Value.Link))(t)
		}
		fmt.Fprintf(h, "%d %d ", len(entry.Key), len(value))
		h.Write(entry.Key)
		h.Write(value)
		n++
	}
	return n, hex.EncodeToString(h.Sum(nil))
}

// makeGoldenStores makes the stores of a release, and says what is in them.
func makeGoldenStores(t *testing.T, release string) {
	mem := vfs.NewCrashableMem()
	store := must(pebblekv.Open("store", &pebblekv.Options{FS: mem}))(t)
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := must(New(store, &Options{Now: func() time.Time { clock = clock.Add(time.Hour); return clock }}))(t)
	fillGoldenStore(t, e)
	do(t, e.Sync(ctx))
	packStore(t, mem.CrashClone(vfs.CrashCloneCfg{}), release+"-crashed")
	do(t, e.Close())
	packStore(t, mem, release+"-closed")
}

func fillGoldenStore(t *testing.T, e *Engine) {
	main := must(e.Branch(ctx, "main"))(t)
	value := func(i, size int) []byte { return bytes.Repeat([]byte(fmt.Sprintf("%d.", i)), size) }
	for i := range 3000 {
		do(t, main.Put(ctx, fmt.Appendf(nil, "/a/%05d", i*7919%100000), value(i, i%40), NoSync))
	}
	first := must(main.Commit(ctx, CommitOptions{Message: "first"}))(t)
	do(t, e.Tag(ctx, "v1", first.CID))
	must(e.CreateBranch(ctx, "draft", first.CID))(t)

	linked := []byte("a block that an entry links to")
	at := must(cid.Prefix{Version: 1, Codec: cid.Raw, MhType: multihash.SHA2_256, MhLength: -1}.Sum(linked))(t)
	do(t, e.PutBlock(ctx, at, linked))
	do(t, main.Apply(ctx, []prolly.Edit{
		{Key: []byte("/blob"), Value: prolly.Value{Bytes: value(1, 40_000)}},
		{Key: []byte("/chunks"), Value: prolly.Value{Bytes: value(2, 800_000)}},
		{Key: []byte("/link"), Value: prolly.Value{Link: at}},
	}))
	for i := range 400 {
		key := fmt.Appendf(nil, "/a/%05d", i*7*7919%100000)
		if i%4 == 0 {
			do(t, main.Delete(ctx, key, NoSync))
		} else {
			do(t, main.Put(ctx, key, value(i, 3), NoSync))
		}
	}
	must(main.Commit(ctx, CommitOptions{Message: "second"}))(t)

	draft := must(e.Branch(ctx, "draft"))(t)
	do(t, draft.Update(ctx, func(u *Update) error {
		for i := range 50 {
			if err := u.Tree().Put(ctx, fmt.Appendf(nil, "/draft/%d", i), value(i, 2)); err != nil {
				return err
			}
		}
		return u.Side().Put(ctx, []byte("beside"), []byte("the tree"))
	}))
}

// packStore packs a store's files, and writes down what a store of them holds.
func packStore(t *testing.T, from vfs.FS, name string) {
	name = filepath.Join(goldenStores, name)
	var packed bytes.Buffer
	z := must(gzip.NewWriterLevel(&packed, gzip.BestCompression))(t)
	w := tar.NewWriter(z)
	var pack func(dir string)
	pack = func(dir string) {
		for _, child := range must(from.List(from.PathJoin("store", dir)))(t) {
			rel := from.PathJoin(dir, child)
			path := from.PathJoin("store", rel)
			info := must(from.Stat(path))(t)
			if info.IsDir() {
				pack(rel)
				continue
			}
			f := must(from.Open(path))(t)
			content := must(io.ReadAll(f))(t)
			do(t, f.Close())
			do(t, w.WriteHeader(&tar.Header{Name: rel, Mode: 0o644, Size: int64(len(content))}))
			must(w.Write(content))(t)
		}
	}
	pack("")
	do(t, w.Close())
	do(t, z.Close())
	do(t, os.MkdirAll(goldenStores, 0o755))
	do(t, os.WriteFile(name+".tar.gz", packed.Bytes(), 0o644))

	again := t.TempDir()
	do(t, unpackStore(name+".tar.gz", again))
	e := must(Open(again, nil))(t)
	content := must(json.MarshalIndent(describe(t, e), "", "  "))(t)
	do(t, e.Close())
	do(t, os.WriteFile(name+".json", append(content, '\n'), 0o644))
}

func unpackStore(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
}
