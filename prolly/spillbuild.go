package prolly

import "errors"

// shed moves what is settled of the level's unfinished gap to disk.
func (b *builder) shed(l int, lb *levelBuilder) error {
	if lb.spill == nil {
		s, err := newSpill(l, b.temp)
		if err != nil {
			return err
		}
		lb.spill = s
	}
	n := lb.chunk.settled()
	if err := lb.spillItems(n); err != nil {
		return err
	}
	lb.items.drop(n)
	lb.chunk.shed(n)
	return nil
}

// spillItems adds the first n items in memory to those on disk.
func (lb *levelBuilder) spillItems(n int) error {
	c := &lb.chunk
	for i := range n {
		if err := lb.spill.add(&lb.items, i, c.off[i]-c.origin, c.p1[i]); err != nil {
			return err
		}
	}
	return nil
}

// spilledGap is gap where the beginning is on disk.
func (b *builder) spilledGap(l int, lb *levelBuilder, n int) error {
	if err := lb.spillItems(n); err != nil {
		return err
	}
	lb.items.drop(n)
	lb.chunk.drop(n)
	s := lb.spill
	err := s.nodes(func(run *items) error {
		if err := b.w.ctx.Err(); err != nil {
			return err
		}
		c, err := b.w.write(run, 0, run.len())
		if err != nil {
			return err
		}
		return b.emit(l, lb, c)
	})
	lb.spill = nil
	if cerr := s.close(); cerr != nil {
		err = errors.Join(err, cerr)
	}
	return err
}

// close gives back what a build that failed left on disk and under way.
func (b *builder) close() error {
	if b.pipe != nil {
		b.pipe.abandon()
	}
	var err error
	for _, lb := range b.levels {
		if lb.spill != nil {
			err = errors.Join(err, lb.spill.close())
			lb.spill = nil
		}
	}
	return err
}

// failed ends the build.
func (b *builder) failed(err error) error {
	if cerr := b.close(); cerr != nil {
		return errors.Join(err, cerr)
	}
	return err
}
