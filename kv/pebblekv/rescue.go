package pebblekv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/record"
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
	lost  int64  // bytes

	// number is that of the file at hand.
	number uint64
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
	err := s.CheckStore(background, func(err error) {
		if first == nil {
			first = err
		}
	})
	return errors.Join(err, first)
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
	err := r.eachFile(func(name string, file vfs.File) error {
		switch {
		case isTable(name):
			return r.table(file)
		case isValues(name):
			return r.values(file)
		case isLog(name):
			return r.log(file)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.flush(0)
}

// eachFile calls f with the files of Pebble's, in the order in which they were made.
func (r *rescue) eachFile(f func(name string, file vfs.File) error) error {
	names, err := r.fs.List(r.from)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		number, _, ok := strings.Cut(name, ".")
		if !ok || !(isTable(name) || isValues(name) || isLog(name)) {
			continue
		}
		if r.number, err = strconv.ParseUint(number, 10, 64); err != nil {
			continue
		}
		file, err := r.fs.Open(r.fs.PathJoin(r.from, name))
		if err != nil {
			return err
		}
		if err := errors.Join(f(name, file), file.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (r *rescue) table(file vfs.File) error {
	lost, err := carve(file, r.tableIndex(file), func(data []byte) error {
		return eachCarved(data, r.carved)
	})
	r.lost += lost
	return err
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
	kindRangeDelete   = 15
	kindSetWithDelete = 18
	kindDeleteSized   = 23
)

func (r *rescue) carved(c carved) error {
	if c.external {
		return nil // a blob, which is found beside the others
	}
	return r.entry(c.key, c.trailer>>8, byte(c.trailer), c.value)
}

// entry takes an entry, whose bytes are the caller's.
func (r *rescue) entry(key []byte, sequence uint64, kind byte, value []byte) error {
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
	_, block, err := splitNode(value)
	if err != nil {
		return nil
	}
	r.top = max(r.top, at.generation())
	h := codec.Sum(block)
	var index [hashKeyLen]byte
	putHashKey(index[:], &h)
	return errors.Join(r.set(key, value), r.set(index[:], at[:]))
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

// sha256Prefix begins the multihash of a SHA-256 digest.
var sha256Prefix = []byte{0x12, codec.HashSize}

// values takes blobs that lie apart from their keys. What they are called is
// told by their content.
func (r *rescue) values(file vfs.File) error {
	lost, err := carve(file, valuesIndex(file), func(data []byte) error {
		return eachValue(data, func(value []byte) error {
			h := codec.Sum(value)
			return r.set(blobKey(append(bytes.Clone(sha256Prefix), h[:]...)), value)
		})
	})
	r.lost += lost
	return err
}

// valuesIndex finds out where the blocks of a file of values begin, from the
// index in front of its footer.
func valuesIndex(file vfs.File) (known []extent) {
	info, err := file.Stat()
	if err != nil || info.Size() < footerLen || checkFooter(file) != nil {
		return nil
	}
	var foot [footerLen]byte
	if _, err := file.ReadAt(foot[:], info.Size()-footerLen); err != nil {
		return nil
	}
	at, length := int64(binary.LittleEndian.Uint64(foot[4:])), int64(binary.LittleEndian.Uint64(foot[12:]))
	if at < 0 || length < 0 || at+length+trailerLen > info.Size() || length > carveMost {
		return nil
	}
	raw := make([]byte, length+trailerLen)
	if _, err := file.ReadAt(raw, at); err != nil || blockEnd(raw) != int(length)+1 {
		return nil
	}
	data, err := unpack(raw[:length+1])
	if err != nil {
		return nil
	}
	defer func() {
		if recover() != nil {
			known = nil
		}
	}()
	d := colblk.DecodeBlock(data, 4)
	n := d.Rows()
	offsets := d.Uints(1)
	for i := range n - 1 {
		from, to := int64(offsets.At(i)), int64(offsets.At(i+1))
		known = append(known, extent{from, to - from - trailerLen})
	}
	return known
}

// logBlock is how long the blocks are of which a log is made. What begins in a
// sound one can be read, whatever was before it.
const logBlock = 32 << 10

// log takes the batches of a log, also those behind a damaged one.
func (r *rescue) log(file vfs.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	for from := int64(0); from < info.Size(); {
		in := &counted{r: io.NewSectionReader(file, from, info.Size()-from)}
		if err := r.batches(newLogReader(record.NewReader, in, r.number)); err == nil {
			return nil
		} else if !errors.Is(err, errLog) {
			return err
		}
		// What was read last is in the damaged block, or is it.
		from += max(in.n-1, 0)/logBlock*logBlock + logBlock
	}
	return nil
}

// newLogReader is record.NewReader, whose numbers are of a type without a name
// here.
func newLogReader[N ~uint64, R any](open func(io.Reader, N) R, r io.Reader, number uint64) R {
	return open(r, N(number))
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// errLog: a log cannot be read further.
var errLog = errors.New("pebblekv: a log is damaged, or torn")

func (r *rescue) batches(in *record.Reader) error {
	for {
		next, err := in.Next()
		var data []byte
		if err == nil {
			data, err = io.ReadAll(next)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errLog, err)
		}
		if err := r.batchOf(data); err != nil {
			return err
		}
	}
}

func (r *rescue) batchOf(data []byte) error {
	head, ok := batchrepr.ReadHeader(data)
	if !ok {
		return nil
	}
	ops := batchrepr.Read(data)
	for i := uint64(0); ; i++ {
		kind, key, value, ok, err := ops.Next()
		if err != nil || !ok {
			return nil
		}
		if value == nil && byte(kind) == kindSet {
			value = []byte{}
		}
		if err := r.entry(key, uint64(head.SeqNum)+i, byte(kind), value); err != nil {
			return err
		}
	}
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
