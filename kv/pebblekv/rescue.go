package pebblekv

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/colblk"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// rescue reads the files of a damaged store one by one, without Pebble's
// manifest and indexes, and writes what it finds to a new database:
//
//	tables, logs ──► nodes, blobs ─────────────────► as they are, the index anew
//	             └─► refs, log records, the state ─► the newest of each
//	values       ──► blobs, named by their hashes
//
// A file that Pebble has not removed yet may hold what was deleted or replaced:
// of blocks that does no harm; refs and records are taken by Pebble's sequence
// numbers, and compared with the digest in the state (P4).
type rescue struct {
	fs    vfs.FS
	from  string // the data directory
	db    *pebble.DB
	batch *pebble.Batch
	small map[string]version // refs, log records, the state
	gone  []deletion
	top   uint32 // generation

	functions []hashFunction // by which blobs are named, beside SHA-256

	number  uint64 // of the file at hand
	highest uint64 // of Pebble's sequence numbers so far
	next    uint64 // of a log: that of the next operation, or one below it
}

// version is what a key was last found to hold.
type version struct {
	sequence uint64 // of Pebble's
	number   uint64 // of the file
	value    []byte // nil: it was deleted
}

// deletion is of a range of keys.
type deletion struct {
	from, to []byte
	sequence uint64
}

// rescueBatch is how many bytes are written at a time.
const rescueBatch = 4 << 20

// rescueStore opens a store that does not open, or cannot be read to its end, by
// way of a copy of all that is readable, in a temporary directory.
func rescueStore(d directory, o Options, f *failure, cause error) (_ *Store, err error) {
	f.log.Warn("read file by file, because it is damaged", "error", cause)
	tmp, clean, err := scratchDir(o.FS, d.path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, clean())
		}
	}()
	cache := pebble.NewCache(o.CacheBytes + 2*o.MemTableBytes)
	write := o
	write.ReadOnly = false
	db, err := openPebble(tmp, &write, cache, f)
	if err != nil {
		cache.Unref()
		return nil, err
	}
	r := &rescue{fs: o.FS, from: d.data(), db: db, batch: db.NewBatch(), small: map[string]version{}}
	h, headErr := openHead(o.FS, d.data(), true)
	if headErr != nil {
		h = &head{f: vfs.NewMemFile(nil)}
	}
	var st state
	var logs map[string]*logState
	var odd error
	err = f.guard(func() (err error) {
		if err = r.run(); err == nil {
			st, odd, err = r.settle(h, headErr)
		}
		if err == nil {
			_, logs, err = loadState(db)
		}
		return err
	})
	if err != nil {
		err = errors.Join(err, f.await(db.Close), h.close())
		cache.Unref()
		return nil, err
	}
	s := newStore(d, o, db, cache, f, h, st, logs)
	s.clean, s.damage = clean, odd
	return s, nil
}

// scratchDir makes a directory beside nothing else, on the same file system when
// that is none of the operating system's.
func scratchDir(fs vfs.FS, path string) (dir string, clean func() error, err error) {
	if fs == vfs.Default {
		if dir, err = os.MkdirTemp("", "prolly-salvage-*"); err != nil {
			return "", nil, err
		}
		dir = filepath.Join(dir, dataName)
		return dir, func() error { return os.RemoveAll(filepath.Dir(dir)) }, os.Mkdir(dir, 0o700)
	}
	dir = path + ".salvage"
	return dir, func() error { return fs.RemoveAll(dir) }, fs.MkdirAll(dir, 0o755)
}

// Damage tells in what a store that was opened with Options.Damaged may differ
// from the one that was acknowledged, beside blocks that are missing; nil: in
// nothing.
func (s *Store) Damage() error { return s.damage }

// readable answers an error unless all of the store can be read, and is there.
func (s *Store) readable() error {
	var first error
	ctx, stop := context.WithCancel(background)
	defer stop()
	err := s.CheckStore(ctx, func(err error) {
		if first == nil {
			first = err
		}
		stop() // Pebble takes its time over each damaged block, to find out which bit it is
	})
	if first != nil {
		return first
	}
	return err
}

// openTable opens a table, which closes the file when it is closed, and not
// when it cannot be opened.
func openTable(file vfs.File) (*sstable.Reader, error) {
	readable, err := sstable.NewSimpleReadable(unclosed{file})
	if err != nil {
		return nil, err
	}
	schema := colblk.DefaultKeySchema(pebble.DefaultComparer, 16)
	var o sstable.ReaderOptions
	o.Comparer = pebble.DefaultComparer
	o.KeySchemas = sstable.MakeKeySchemas(&schema)
	return sstable.NewReader(background, readable, o)
}

// unclosed is a file that stays open.
type unclosed struct{ vfs.File }

// Close implements io.Closer.
func (unclosed) Close() error { return nil }

func (r *rescue) run() error {
	files, err := r.files()
	if err != nil {
		return err
	}
	// Values come last: by then all keys have been seen.
	for _, pass := range []func(name string, file vfs.File) error{r.keyed, r.apart} {
		for _, x := range files {
			if err := r.file(x, pass); err != nil {
				return fmt.Errorf("%s: %w", x.name, err)
			}
		}
	}
	return r.flush(0)
}

// numbered is a file of Pebble's.
type numbered struct {
	number uint64
	name   string
}

// files lists tables, logs and values in the order in which they were made.
func (r *rescue) files() (list []numbered, err error) {
	names, err := r.fs.List(r.from)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		digits, _, _ := strings.Cut(name, ".")
		number, err := strconv.ParseUint(digits, 10, 64)
		if err == nil && (isTable(name) || isValues(name) || isLog(name)) {
			list = append(list, numbered{number, name})
		}
	}
	slices.SortFunc(list, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	return list, nil
}

func (r *rescue) file(x numbered, f func(name string, file vfs.File) error) error {
	file, err := r.fs.Open(r.fs.PathJoin(r.from, x.name))
	if err != nil {
		return err
	}
	r.number = x.number
	return errors.Join(f(x.name, file), file.Close())
}

// keyed takes what lies beside its key.
func (r *rescue) keyed(name string, file vfs.File) error {
	switch {
	case isTable(name):
		return r.table(file)
	case isLog(name):
		return r.log(file)
	}
	return nil
}

// apart takes what lies apart from its key.
func (r *rescue) apart(name string, file vfs.File) error {
	if isValues(name) {
		return r.values(file)
	}
	return nil
}

func (r *rescue) table(file vfs.File) error {
	return carve(file, r.tableIndex(file), func(data []byte) error { return eachCarved(data, r.carved) })
}

// tableIndex finds out where the blocks of a table begin, and which ranges of
// keys it deletes, as far as it can be opened.
func (r *rescue) tableIndex(file vfs.File) (known []extent) {
	t, err := openTable(file)
	if err != nil {
		return nil
	}
	defer func() { _ = t.Close() }()
	if l, err := t.Layout(); err == nil {
		for _, b := range l.Data {
			known = append(known, extent{int64(b.Offset), int64(b.Length)})
		}
	}
	it, err := t.NewRawRangeDelIter(background, sstable.NoFragmentTransforms, sstable.NoReadEnv)
	if err != nil || it == nil {
		return known
	}
	defer it.Close()
	for span, err := it.First(); span != nil && err == nil; span, err = it.Next() {
		for _, k := range span.Keys {
			r.gone = append(r.gone, deletion{bytes.Clone(span.Start), bytes.Clone(span.End), uint64(k.SeqNum())})
		}
	}
	return known
}

// Kinds of Pebble's entries.
const (
	kindDelete        = 0
	kindSet           = 1
	kindLogData       = 3
	kindRangeDelete   = 15
	kindSetWithDelete = 18
	kindDeleteSized   = 23
)

func (r *rescue) carved(c carved) error {
	if c.external { // a blob, which is found beside the others
		r.named(c.key[1:])
		return nil
	}
	return r.entry(c.key, c.trailer>>8, byte(c.trailer), c.value)
}

// entry takes an entry, whose bytes are the caller's.
func (r *rescue) entry(key []byte, sequence uint64, kind byte, value []byte) error {
	r.highest = max(r.highest, sequence)
	switch kind {
	case kindSet, kindSetWithDelete:
	case kindDelete, kindDeleteSized:
		value = nil
	case kindRangeDelete:
		r.gone = append(r.gone, deletion{bytes.Clone(key), bytes.Clone(value), sequence})
		return nil
	default:
		return nil
	}
	if len(key) < 2 {
		return nil
	}
	switch key[0] {
	case blobSpace:
		if value != nil {
			r.named(key[1:])
			return r.set(key, value)
		}
	case nodeSpace:
		if value != nil {
			return r.node(key, value)
		}
	case refSpace, logSpace, metaSpace:
		was, ok := r.small[string(key)]
		if !ok || sequence > was.sequence || sequence == was.sequence && r.number > was.number {
			if value != nil {
				value = append([]byte{}, value...)
			}
			r.small[string(key)] = version{sequence, r.number, value}
		}
	}
	return nil
}

func (r *rescue) node(key, value []byte) error {
	at, err := parseNodeKey(key)
	if err != nil {
		return nil
	}
	block, err := blockOf(value)
	if err != nil {
		return nil
	}
	r.top = max(r.top, at.generation())
	h := codec.Sum(block)
	var index [hashKeyLen]byte
	putHashKey(index[:], &h)
	return errors.Join(r.set(key, value), r.set(index[:], appendPlace(nil, at)))
}

func (r *rescue) set(key, value []byte) error {
	if err := r.batch.Set(key, value, nil); err != nil {
		return err
	}
	return r.flush(rescueBatch)
}

// flush writes what has gathered, if it is more than so many bytes.
func (r *rescue) flush(above int) error {
	if r.batch.Len() <= above || r.batch.Empty() {
		return nil
	}
	if err := r.batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	err := r.batch.Close()
	r.batch = r.db.NewBatch()
	return err
}

// settle writes refs, log records and a state that fits them. odd says in what they
// may differ from what was acknowledged.
func (r *rescue) settle(h *head, headErr error) (st state, odd error, err error) {
	for key, v := range r.small {
		if v.value == nil || r.deleted(key, v) {
			delete(r.small, key)
		}
	}
	was, err := parseState(r.small[string(stateKey)].value)
	if err != nil {
		odd = fmt.Errorf("%w: the state of the store cannot be read", kv.ErrCorrupt)
	}
	st = state{sequence: was.sequence, generation: max(was.generation, r.top)}
	then := digest{}
	for key, v := range r.small {
		switch key[0] {
		case refSpace:
			item := refItem(key[1:], v.value)
			st.digest.toggle(item)
			then.toggle(item)
		case logSpace:
			ref, seq, ok := parseLogKey([]byte(key))
			batch, _, err := parseRecord(v.value)
			if !ok || err != nil {
				delete(r.small, key)
				continue
			}
			item := recordItem(string(ref), seq)
			st.digest.toggle(item)
			if st.sequence = max(st.sequence, batch); batch <= was.sequence {
				then.toggle(item)
			}
		}
	}
	switch {
	case odd != nil:
	case headErr != nil:
		odd = headErr
	case st.sequence < h.newest.sequence:
		odd = h.compare(st)
	case then != was.digest:
		odd = fmt.Errorf("%w: branches, tags or staged writes may not be the last ones", kv.ErrRollback)
	}
	h.newest = slot{st.sequence, st.digest}
	return st, odd, r.write(st)
}

func (r *rescue) deleted(key string, v version) bool {
	for _, d := range r.gone {
		if d.sequence > v.sequence && string(d.from) <= key && key < string(d.to) {
			return true
		}
	}
	return false
}

func (r *rescue) write(st state) error {
	delete(r.small, string(stateKey))
	for key, v := range r.small {
		if err := r.set([]byte(key), v.value); err != nil {
			return err
		}
	}
	var b [stateLen]byte
	st.put(b[:])
	if err := r.set(stateKey, b[:]); err != nil {
		return err
	}
	return errors.Join(r.flush(0), r.batch.Close())
}
