package prolly

import (
	"runtime"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// leafPipe lets a build work on two cores: the builder cuts and encodes leaves,
// the pipe's goroutine hashes and stores them and makes all levels above. Leaves
// stay in order.
//
//	entries → chunker → encode │ jobs │ hash → store → level 1 → level 2 …
//	                           ← free ←
//
// The goroutine ends with drain, at the latest with the build.
type leafPipe struct {
	b    *builder
	leaf *levelBuilder

	job  *leafJob // being filled
	jobs chan *leafJob
	free chan *leafJob
	done chan struct{}
	err  error // of the goroutine; to be read after done
	stop chan struct{}
}

// leafJob is a run of encoded leaves, one behind the other.
type leafJob struct {
	blocks []byte
	keys   []byte // the first of each leaf
	leaves []encodedLeaf
}

type encodedLeaf struct {
	child
	end, keyEnd int // in blocks and keys
}

const (
	// pipeAfter is after how many leaves a build is worth a goroutine.
	pipeAfter = 64
	// jobLeaves is how many leaves go through the pipe together.
	jobLeaves = 64
	// pipeJobs is how many jobs there are in all.
	pipeJobs = 4
)

func newLeafPipe(b *builder, leaf *levelBuilder) *leafPipe {
	p := &leafPipe{
		b: b, leaf: leaf, job: &leafJob{},
		jobs: make(chan *leafJob, pipeJobs), free: make(chan *leafJob, pipeJobs),
		done: make(chan struct{}), stop: make(chan struct{}),
	}
	for range pipeJobs - 1 {
		p.free <- &leafJob{}
	}
	go p.run()
	return p
}

// wantsPipe tells whether the builder should go on with a pipe.
func (b *builder) wantsPipe(l int, lb *levelBuilder) bool {
	return l == 0 && b.pipe == nil && lb.nodes >= pipeAfter && runtime.GOMAXPROCS(0) > 1
}

// add encodes the leaf of items [lo, hi).
func (p *leafPipe) add(s *items, lo, hi int) error {
	j := p.job
	c, err := s.child(lo, hi)
	if err != nil {
		return err
	}
	j.blocks = codec.AppendLeaf(j.blocks, s.leaf[lo:hi])
	j.keys = append(j.keys, c.Key...)
	j.leaves = append(j.leaves, encodedLeaf{c, len(j.blocks), len(j.keys)})
	if len(j.leaves) == jobLeaves {
		return p.send()
	}
	return nil
}

// send passes the job on and takes a free one.
func (p *leafPipe) send() error {
	select {
	case p.jobs <- p.job:
	case <-p.stop:
		return p.drain()
	}
	p.job = nil
	select {
	case p.job = <-p.free:
	case <-p.stop:
		return p.drain()
	}
	j := p.job
	j.blocks, j.keys, j.leaves = j.blocks[:0], j.keys[:0], j.leaves[:0]
	return nil
}

// drain waits until everything that was added is stored, and ends the pipe.
func (p *leafPipe) drain() error {
	if p.b.pipe != p {
		return p.err
	}
	p.b.pipe = nil
	if p.job != nil && len(p.job.leaves) > 0 {
		select {
		case p.jobs <- p.job:
		case <-p.stop:
		}
	}
	close(p.jobs)
	<-p.done
	return p.err
}

// abandon ends the pipe without storing what is left.
func (p *leafPipe) abandon() {
	p.job = nil
	_ = p.drain() // the build has failed already
}

func (p *leafPipe) run() {
	defer close(p.done)
	for j := range p.jobs {
		if err := p.store(j); err != nil {
			p.err = err
			close(p.stop)
			return
		}
		p.free <- j
	}
}

// store hashes and stores a job's leaves, and gives them to the level above.
func (p *leafPipe) store(j *leafJob) error {
	at, key := 0, 0
	for i := range j.leaves {
		c := &j.leaves[i]
		c.Key = j.keys[key:c.keyEnd:c.keyEnd]
		if err := p.b.w.put(&c.child, j.blocks[at:c.end], nil); err != nil {
			return err
		}
		at, key = c.end, c.keyEnd
		if err := p.b.emit(0, p.leaf, c.child); err != nil {
			return err
		}
	}
	return p.b.w.ctx.Err()
}
