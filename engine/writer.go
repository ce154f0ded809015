package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// batchBytes is how much a writer gathers before it commits a batch.
const batchBytes = 8 << 20

// writer is the NodeStore through which trees are written: it gathers blocks
// into batches, commits the full ones, and answers reads of what is not
// committed yet. The last batch is its owner's, to be committed with a ref or a
// log record, so that nothing durable names a block before it. In memory, the
// form of a read-only engine, it commits nothing and keeps all.
type writer struct {
	nodes  *nodeStore
	memory bool
	behind bool // nodes are put behind
	bulk   bool // leaves are not worth a place in the cache

	mu      sync.Mutex
	batch   kv.Batch
	pending pendingNodes
	leaves  map[codec.Hash][]byte // pending, too, of a bulk writer
	slab    []byte                // room for more of them
	old     []prolly.Replaced     // nodes that the trees written have no place for
}

// pendingNodes are nodes that are not committed yet, so that no reader of the
// store finds them. They are seldom asked for, the cache being asked first: so
// they are put in a map only then.
type pendingNodes struct {
	nodes []hashedNode
	found map[codec.Hash]*prolly.Node // the first ones of nodes
	next  int                         // of nodes, the first that is not in found
}

type hashedNode struct {
	hash codec.Hash
	node *prolly.Node
}

// byHash returns all nodes. The map is good until the next call.
func (p *pendingNodes) byHash() map[codec.Hash]*prolly.Node {
	if p.found == nil {
		p.found = map[codec.Hash]*prolly.Node{}
	}
	for ; p.next < len(p.nodes); p.next++ {
		p.found[p.nodes[p.next].hash] = p.nodes[p.next].node
	}
	return p.found
}

func (p *pendingNodes) clear() {
	clear(p.nodes)
	clear(p.found)
	p.nodes, p.next = p.nodes[:0], 0
}

// newWriter returns a writer whose nodes are as durable as its last batch.
func (e *Engine) newWriter() *writer {
	return &writer{nodes: e.nodes, memory: e.o.ReadOnly}
}

// newFoldWriter returns a writer whose nodes are put behind if the store can.
func (e *Engine) newFoldWriter() *writer {
	w := e.newWriter()
	w.behind = e.behind != nil && !e.o.ReadOnly
	return w
}

// WriteNode implements prolly.NodeStore.
func (w *writer) WriteNode(ctx context.Context, h codec.Hash, block []byte, children []prolly.Hint) (prolly.Hint, error) {
	if len(children) == 0 && !w.TakesLeaves() {
		return w.writeLeaf(ctx, h, block)
	}
	n, err := prolly.NewNode(bytes.Clone(block), slices.Clone(children))
	if err != nil {
		return prolly.Hint{}, fmt.Errorf("engine: node to be written: %w", err)
	}
	return w.TakeNode(ctx, h, n)
}

// TakesLeaves implements prolly.NodeTaker.
func (w *writer) TakesLeaves() bool { return !w.bulk || w.memory }

// slabBytes is how much memory leaves share that are not cached.
const slabBytes = 256 << 10

// writeLeaf puts a leaf that nobody is likely to read soon.
func (w *writer) writeLeaf(ctx context.Context, h codec.Hash, block []byte) (prolly.Hint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(block) > cap(w.slab)-len(w.slab) {
		w.slab = make([]byte, 0, max(slabBytes, len(block)))
	}
	at := len(w.slab)
	w.slab = append(w.slab, block...)
	block = w.slab[at:len(w.slab):len(w.slab)]
	if w.leaves == nil {
		w.leaves = map[codec.Hash][]byte{}
	}
	w.leaves[h] = block
	hint, err := w.putBlock(ctx, h, block, nil)
	return hint, err
}

// TakeNode implements prolly.NodeTaker.
func (w *writer) TakeNode(ctx context.Context, h codec.Hash, n *prolly.Node) (prolly.Hint, error) {
	at, err := w.put(ctx, h, n)
	if err != nil || w.memory {
		n.Forget() // nobody is to remember what no cache holds
		return at, err
	}
	w.nodes.cache.set(h, n) // its content is right, whatever becomes of the batch
	return at, nil
}

// put gives a node to the batch.
func (w *writer) put(ctx context.Context, h codec.Hash, n *prolly.Node) (at prolly.Hint, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending.nodes = append(w.pending.nodes, hashedNode{h, n})
	if w.memory {
		return at, nil
	}
	return w.putBlock(ctx, h, n.Block(), n.Hints())
}

// putBlock gives a block to the batch. The lock is held.
func (w *writer) putBlock(ctx context.Context, h codec.Hash, block []byte, children []prolly.Hint) (at prolly.Hint, err error) {
	if at, err = w.open().PutNode(h, block, children); err != nil {
		return at, storeError("write node", err)
	}
	w.nodes.n.nodeWrites.Add(1)
	w.nodes.n.nodeWriteBytes.Add(uint64(len(block)))
	return at, w.flushFull(ctx)
}

// NodesReplaced implements prolly.NodeReplacer.
func (w *writer) NodesReplaced(nodes []prolly.Replaced) {
	w.mu.Lock()
	w.old = append(w.old, nodes...)
	w.mu.Unlock()
}

// replaced returns the nodes that have no place in the trees written.
func (w *writer) replaced() []prolly.Replaced {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.old
}

// WriteBlob implements prolly.NodeStore.
func (w *writer) WriteBlob(ctx context.Context, c cid.Cid, block []byte) error {
	if w.memory {
		return ErrReadOnly
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.open().PutBlob(c, block); err != nil {
		return storeError("write blob", err)
	}
	w.nodes.n.blobWrites.Add(1)
	return w.flushFull(ctx)
}

// open returns the batch being filled.
func (w *writer) open() kv.Batch {
	if w.batch == nil {
		if w.behind {
			w.batch = w.nodes.store.(kv.Behind).NewBehind()
		} else {
			w.batch = w.nodes.store.NewBatch()
		}
	}
	return w.batch
}

func (w *writer) flushFull(ctx context.Context) error {
	if w.batch == nil || w.batch.Size() < batchBytes {
		return nil
	}
	return w.commit(ctx)
}

// last hands out the batch that is not full, so that its owner may add a ref
// or a record to it and commit it through finish.
func (w *writer) last() kv.Batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open()
}

// flush stores what was gathered so far, ahead of the last batch.
func (w *writer) flush(ctx context.Context) error {
	if w.memory {
		return nil
	}
	return w.finish(ctx)
}

// finish commits what is left.
func (w *writer) finish(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.commit(ctx)
}

// commit commits the batch.
func (w *writer) commit(ctx context.Context) error {
	if w.batch == nil {
		return nil
	}
	b := w.batch
	w.batch = nil
	if err := b.Commit(ctx); err != nil {
		return storeError("commit", err)
	}
	w.pending.clear()
	clear(w.leaves)
	return nil
}

// drop gives up what was not committed. It does nothing after finish.
func (w *writer) drop() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.batch
	w.batch = nil
	if b == nil {
		return nil
	}
	if err := b.Close(); err != nil {
		return storeError("close batch", err)
	}
	return nil
}

// LoadNode implements prolly.NodeLoader.
func (w *writer) LoadNode(ctx context.Context, a prolly.Addr) (*prolly.Node, error) {
	if n, err := w.nodes.cached(&a.Hash); n != nil || err != nil {
		return n, err
	}
	w.mu.Lock()
	p, ok := w.pending.byHash()[a.Hash]
	leaf := w.leaves[a.Hash]
	w.mu.Unlock()
	if ok {
		return p, nil
	}
	if leaf != nil {
		return prolly.NewNode(leaf, nil)
	}
	return w.nodes.LoadNode(ctx, a)
}

// LoadChild implements prolly.ChildLoader. What is linked is in the cache, and
// what is pending mostly is not: it belongs to no tree that was read much.
func (w *writer) LoadChild(ctx context.Context, parent *prolly.Node, i int) (*prolly.Node, error) {
	if n := parent.Recall(i); n != nil {
		return n, nil
	}
	a := parent.Addr(i)
	if n, err := w.nodes.cached(&a.Hash); n != nil || err != nil {
		if err == nil && n != emptyNode {
			parent.Remember(i, n)
		}
		return n, err
	}
	return w.LoadNode(ctx, a)
}

// ReadNode implements prolly.NodeStore.
func (w *writer) ReadNode(ctx context.Context, a prolly.Addr) ([]byte, []prolly.Hint, error) {
	n, err := w.LoadNode(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return n.Block(), n.Hints(), nil
}

// ReadBlob implements prolly.NodeStore.
func (w *writer) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	return w.nodes.ReadBlob(ctx, c)
}

// LoadBlob implements prolly.BlobLoader.
func (w *writer) LoadBlob(ctx context.Context, c cid.Cid) ([]byte, error) {
	return w.nodes.LoadBlob(ctx, c)
}
