package engine

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Engine is a set of branches over one store. All methods may be called by
// several goroutines at once.
type Engine struct{}

// Open opens the store in dir, which is created when it is missing.
func Open(dir string, o *Options) (*Engine, error) { return nil, errors.ErrUnsupported }

// New opens an engine over s, which the engine owns from then on and closes.
func New(s kv.Store, o *Options) (*Engine, error) { return nil, errors.ErrUnsupported }

// Branch returns a branch, created empty if it is missing. Handles of one name
// share one branch. A name has 1 to 200 bytes, no control characters and no
// leading '-'; otherwise ErrBadName.
func (e *Engine) Branch(ctx context.Context, name string) (*Branch, error) {
	return nil, errors.ErrUnsupported
}

// Lookup returns a branch that exists, otherwise ErrNoBranch.
func (e *Engine) Lookup(ctx context.Context, name string) (*Branch, error) {
	return nil, errors.ErrUnsupported
}

// BranchInfo is a branch as Branches lists it.
type BranchInfo struct {
	Name    string
	Commit  cid.Cid // the last commit; cid.Undef when there is none
	Seq     uint64  // of that commit
	Root    cid.Cid // of the folded tree
	Entries uint64  // in the folded tree
	Staged  int     // edits not folded yet
}

// Branches lists the branches by name.
func (e *Engine) Branches(ctx context.Context) ([]BranchInfo, error) {
	return nil, errors.ErrUnsupported
}

// CreateBranch makes a branch that begins at a commit, or at a root, or empty
// when at is cid.Undef. ErrBranchExists when there is one of this name.
func (e *Engine) CreateBranch(ctx context.Context, name string, at cid.Cid) (*Branch, error) {
	return nil, errors.ErrUnsupported
}

// DeleteBranch removes a branch and what is staged on it. Its blocks stay until
// they are collected.
func (e *Engine) DeleteBranch(ctx context.Context, name string) error { return errors.ErrUnsupported }

// TagInfo is a tag as Tags lists it.
type TagInfo struct {
	Name string
	CID  cid.Cid
}

// Tag names a commit or root c, which is kept as long as the tag stands. A tag
// that exists is moved.
func (e *Engine) Tag(ctx context.Context, name string, c cid.Cid) error { return errors.ErrUnsupported }

// Tags lists the tags by name.
func (e *Engine) Tags(ctx context.Context) ([]TagInfo, error) { return nil, errors.ErrUnsupported }

// DeleteTag removes a tag; ErrNoTag when there is none.
func (e *Engine) DeleteTag(ctx context.Context, name string) error { return errors.ErrUnsupported }

// Commit is a commit and its name.
type Commit struct {
	CID cid.Cid
	codec.Commit
}

// ReadCommit reads a commit. ErrMissing when the block is not here, ErrNoCommit
// when it is something else.
func (e *Engine) ReadCommit(ctx context.Context, c cid.Cid) (Commit, error) {
	return Commit{}, errors.ErrUnsupported
}

// Tree returns a stored tree by its root, or by a commit's CID, pinned until it
// is closed.
func (e *Engine) Tree(ctx context.Context, root cid.Cid) (*Snapshot, error) {
	return nil, errors.ErrUnsupported
}

// Resolved is what a REF stands for.
type Resolved struct {
	Root   cid.Cid
	Commit *Commit // nil when the REF stands for no commit
	Branch string  // set when the REF is a branch
}

// Resolve finds out what a REF means: a branch (its last commit; before the
// first one, its folded tree), branch~n (the n-th first parent of its last
// commit), a tag, a commit's CID or a root's. ErrUnknownRef when it is none of
// them.
func (e *Engine) Resolve(ctx context.Context, ref string) (Resolved, error) {
	return Resolved{}, errors.ErrUnsupported
}

// Nodes reads any stored node and blob. Its writes answer ErrReadOnly.
func (e *Engine) Nodes() prolly.NodeStore { return nil }

// ReadBlock returns any stored block, verified against c. The caller owns it.
func (e *Engine) ReadBlock(ctx context.Context, c cid.Cid) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// PutBlock stores a caller's linked block, verified against c. It is kept while
// a tree links to it; before that, until the next garbage collection but one.
func (e *Engine) PutBlock(ctx context.Context, c cid.Cid, block []byte) error {
	return errors.ErrUnsupported
}

// Problem is something that Check found wrong.
type Problem struct {
	Kind   string  // ref, staging, commit, node, shape, blob, store
	CID    cid.Cid // of the block at fault; cid.Undef when it is no block
	Branch string  // through which it was met; empty when through none
	Err    error
}

// Check verifies everything that is reachable from branches and tags, and the
// store's own records. It reports each problem and goes on; an error means that
// it could not.
func (e *Engine) Check(ctx context.Context, report func(Problem)) error { return errors.ErrUnsupported }

// GCOptions of one garbage collection.
type GCOptions struct {
	DryRun bool // count what would go and remove nothing
}

// GCStats is what a garbage collection did.
type GCStats struct {
	Marked   Counts // kept because something names it
	Swept    Counts // removed, or with DryRun to be removed
	Duration time.Duration
}

// Counts of blocks, and their bytes where known.
type Counts struct {
	Nodes, Blobs         uint64
	NodeBytes, BlobBytes uint64
}

// GC removes what no branch, tag, snapshot or iterator reaches. Writers wait
// meanwhile; readers do not.
func (e *Engine) GC(ctx context.Context, o GCOptions) (GCStats, error) {
	return GCStats{}, errors.ErrUnsupported
}

// Stats counts since the engine was opened.
type Stats struct {
	CacheHits, CacheMisses uint64
	CacheBytes, CacheNodes uint64 // now in the node cache

	NodeReads, NodeReadBytes   uint64 // from the store
	NodeWrites, NodeWriteBytes uint64 // to the store
	BlobReads, BlobWrites      uint64
	StaleHints                 uint64 // reads that a hint misled, and the hash put right

	Folds, FoldFailures uint64
	Commits             uint64
	StagedEdits         uint64 // not folded yet, over all branches in use
	StagedBytes         uint64 // memory they take
	Pins                int    // snapshots, iterators and transactions open

	DiskBytes uint64 // 0 when the store cannot tell
}

// Stats returns the counters.
func (e *Engine) Stats() Stats { return Stats{} }

// Sync makes durable all that was written before.
func (e *Engine) Sync(ctx context.Context) error { return errors.ErrUnsupported }

// DiskUsage is the room that the store takes, in bytes.
// errors.ErrUnsupported when the store cannot tell.
func (e *Engine) DiskUsage(ctx context.Context) (uint64, error) { return 0, errors.ErrUnsupported }

// Close waits for writes under way and closes the store. Afterwards everything
// from e answers ErrClosed, Close too.
func (e *Engine) Close() error { return errors.ErrUnsupported }

// Branch is a durable, versioned map: a folded tree and the writes staged over
// it. All methods may be called by several goroutines at once. Readers never
// wait for writers.
type Branch struct{}

// Name returns the branch's name.
func (b *Branch) Name() string { return "" }

// Get returns a copy of key's value: ErrNotFound; prolly.ErrIsLink for a link.
func (b *Branch) Get(ctx context.Context, key []byte) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Has tells whether key is there.
func (b *Branch) Has(ctx context.Context, key []byte) (bool, error) {
	return false, errors.ErrUnsupported
}

// View calls f with key's value, which f must neither keep nor change. Values
// kept inline are not copied.
func (b *Branch) View(ctx context.Context, key []byte, f func([]byte) error) error {
	return errors.ErrUnsupported
}

// Lookup returns the entry of key whatever its kind; out-of-line bytes stay
// unread. The entry is the caller's.
func (b *Branch) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	return prolly.Entry{}, errors.ErrUnsupported
}

// Open returns key's value for reading piece by piece.
func (b *Branch) Open(ctx context.Context, key []byte) (io.ReadSeekCloser, error) {
	return nil, errors.ErrUnsupported
}

// Range yields the entries that r selects, staged writes as of the start of the
// iteration included. Their bytes are valid until the next step.
func (b *Branch) Range(ctx context.Context, r prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) { yield(prolly.Entry{}, errors.ErrUnsupported) }
}

// Put stages a value. Without a Durability it is Sync.
func (b *Branch) Put(ctx context.Context, key, value []byte, d ...Durability) error {
	return errors.ErrUnsupported
}

// Delete stages the removal of key. It is no error when key is not there.
func (b *Branch) Delete(ctx context.Context, key []byte, d ...Durability) error {
	return errors.ErrUnsupported
}

// Apply stages edits, all or none; of several with one key the last wins.
func (b *Branch) Apply(ctx context.Context, edits []prolly.Edit, d ...Durability) error {
	return errors.ErrUnsupported
}

// Load puts many entries, in any order (ascending is fastest), later ones
// replacing earlier ones, in bounded memory. It bypasses staging: nothing is
// visible until it returns nil, and then everything is, durably. Edits staged
// before it lie below the entries, those staged meanwhile above. It leaves no
// commit. n is how many entries it took.
func (b *Branch) Load(ctx context.Context, entries iter.Seq2[prolly.Entry, error]) (n uint64, err error) {
	return 0, errors.ErrUnsupported
}

// Sync makes durable what was staged before; it folds nothing.
func (b *Branch) Sync(ctx context.Context) error { return errors.ErrUnsupported }

// Fold works what is staged into the tree and returns its root. It leaves no
// history.
func (b *Branch) Fold(ctx context.Context) (cid.Cid, error) {
	return cid.Undef, errors.ErrUnsupported
}

// CommitOptions describe a commit.
type CommitOptions struct {
	Message    string            // kept as Meta["message"]
	Meta       map[string][]byte // copied
	Durability Durability
	Parents    []cid.Cid // commits beside the branch's own last one
}

// Commit folds what is staged and records the tree in the branch's history.
func (b *Branch) Commit(ctx context.Context, o CommitOptions) (Commit, error) {
	return Commit{}, errors.ErrUnsupported
}

// Head returns the last commit; ErrNoCommit when there is none.
func (b *Branch) Head(ctx context.Context) (Commit, error) {
	return Commit{}, errors.ErrUnsupported
}

// Root returns the root of the folded tree; it folds nothing.
func (b *Branch) Root(ctx context.Context) (cid.Cid, error) { return cid.Undef, errors.ErrUnsupported }

// Staged is the number of staged edits that are not folded yet.
func (b *Branch) Staged() int { return 0 }

// Begin starts a transaction on the branch as it is now.
func (b *Branch) Begin(ctx context.Context) (*Tx, error) { return nil, errors.ErrUnsupported }

// Update calls f, which may read and edit the tree and the side tree, and
// stages its edits in one step when f returns nil. Updates run one after the
// other, and no other writer of the branch in between; f must not write to
// the branch but through u.
func (b *Branch) Update(ctx context.Context, f func(u *Update) error, d ...Durability) error {
	return errors.ErrUnsupported
}

// Side gives read access to the side tree, staged writes included.
func (b *Branch) Side() Side { return Side{} }

// SnapshotOptions choose what Snapshot takes.
type SnapshotOptions struct {
	Committed bool // the last commit rather than what is there now; ErrNoCommit without one
}

// Snapshot returns the branch as it is now, folded, or its last commit, pinned
// until it is closed.
func (b *Branch) Snapshot(ctx context.Context, o ...SnapshotOptions) (*Snapshot, error) {
	return nil, errors.ErrUnsupported
}

// LogOptions choose what Log yields.
type LogOptions struct {
	Limit int     // at most so many; all when 0
	From  cid.Cid // the commit to begin with; the last one when undefined
}

// Log yields commits and all that they descend from, newest (largest Seq)
// first, each once.
func (b *Branch) Log(ctx context.Context, o LogOptions) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) { yield(Commit{}, errors.ErrUnsupported) }
}

// Side reads a branch's side tree: what changes with the tree in the same step
// and is no part of it. It sees staged writes.
type Side struct{}

// Get is as Branch.Get.
func (s Side) Get(ctx context.Context, key []byte) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Has is as Branch.Has.
func (s Side) Has(ctx context.Context, key []byte) (bool, error) {
	return false, errors.ErrUnsupported
}

// Lookup is as Branch.Lookup.
func (s Side) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	return prolly.Entry{}, errors.ErrUnsupported
}

// Range is as Branch.Range.
func (s Side) Range(ctx context.Context, r prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) { yield(prolly.Entry{}, errors.ErrUnsupported) }
}

// Tx is a transaction on a branch's tree: it reads the branch as it was at
// Begin with its own writes over it, and commits only if nothing that it read has
// changed since. It belongs to one goroutine. It must be ended by Commit or
// Discard.
type Tx struct{}

// Get is as Branch.Get.
func (t *Tx) Get(ctx context.Context, key []byte) ([]byte, error) { return nil, errors.ErrUnsupported }

// Has is as Branch.Has.
func (t *Tx) Has(ctx context.Context, key []byte) (bool, error) { return false, errors.ErrUnsupported }

// Lookup is as Branch.Lookup.
func (t *Tx) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	return prolly.Entry{}, errors.ErrUnsupported
}

// Range is as Branch.Range. What the iteration passed over counts as read.
func (t *Tx) Range(ctx context.Context, r prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) { yield(prolly.Entry{}, errors.ErrUnsupported) }
}

// Put sets a value when the transaction commits.
func (t *Tx) Put(ctx context.Context, key, value []byte) error { return errors.ErrUnsupported }

// Delete removes a key when the transaction commits.
func (t *Tx) Delete(ctx context.Context, key []byte) error { return errors.ErrUnsupported }

// Commit stages the transaction's writes in one step, or answers ErrConflict
// and writes nothing. The transaction is over either way.
func (t *Tx) Commit(ctx context.Context, d ...Durability) error { return errors.ErrUnsupported }

// Discard ends the transaction without writing. It does nothing after Commit.
func (t *Tx) Discard() {}

// Update is what the function of Branch.Update reads and edits.
type Update struct{}

// Tree is what users see.
func (u *Update) Tree() *Root { return nil }

// Side is what changes with it.
func (u *Update) Side() *Root { return nil }

// Root is one of the two trees of an Update: it sees the update's own edits. It
// is valid until the function returns.
type Root struct{}

// Get is as Branch.Get.
func (r *Root) Get(ctx context.Context, key []byte) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Has is as Branch.Has.
func (r *Root) Has(ctx context.Context, key []byte) (bool, error) {
	return false, errors.ErrUnsupported
}

// Lookup is as Branch.Lookup.
func (r *Root) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	return prolly.Entry{}, errors.ErrUnsupported
}

// Range is as Branch.Range, with the update's edits as of the start of the
// iteration.
func (r *Root) Range(ctx context.Context, q prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) { yield(prolly.Entry{}, errors.ErrUnsupported) }
}

// Put sets a value.
func (r *Root) Put(ctx context.Context, key, value []byte) error { return errors.ErrUnsupported }

// Delete removes a key.
func (r *Root) Delete(ctx context.Context, key []byte) error { return errors.ErrUnsupported }

// Apply does several edits; of several with one key the last wins.
func (r *Root) Apply(ctx context.Context, edits []prolly.Edit) error { return errors.ErrUnsupported }

// Snapshot is a tree, and the side tree of the same moment, that stay readable
// until Close whatever happens to the branch.
type Snapshot struct{}

// Tree returns the tree. It answers ErrClosed after Close.
func (s *Snapshot) Tree() prolly.Tree { return prolly.Tree{} }

// Side returns the side tree; an empty one for a commit or a root.
func (s *Snapshot) Side() prolly.Tree { return prolly.Tree{} }

// Root returns the tree's root.
func (s *Snapshot) Root() cid.Cid { return cid.Undef }

// Close gives the snapshot back. Closing twice does nothing.
func (s *Snapshot) Close() error { return nil }
