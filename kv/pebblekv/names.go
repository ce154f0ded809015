package pebblekv

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
)

// names is a set of byte strings of any size: what does not fit into memory
// lies in temporary files, each sorted. It is filled first and read once
// afterwards, in ascending order. It belongs to one goroutine.
type names struct {
	bytes []byte
	ends  []uint32 // of each name in bytes
	files []*os.File
}

// namesBytes is how much is held in memory, and namesReading what all files
// together take while they are read. Tests lower the first.
var namesBytes = 8 << 20

const namesReading = 4 << 20

func (s *names) add(name []byte) error {
	s.bytes = append(s.bytes, name...)
	s.ends = append(s.ends, uint32(len(s.bytes)))
	if len(s.bytes)+4*len(s.ends) < namesBytes {
		return nil
	}
	return s.putBy()
}

// sorted returns the names in memory, ascending, each once.
func (s *names) sorted() [][]byte {
	list := make([][]byte, len(s.ends))
	from := uint32(0)
	for i, end := range s.ends {
		list[i], from = s.bytes[from:end], end
	}
	slices.SortFunc(list, bytes.Compare)
	return slices.CompactFunc(list, bytes.Equal)
}

// putBy writes what is in memory to a file.
func (s *names) putBy() error {
	f, err := os.CreateTemp("", "prolly-gc-*")
	if err != nil {
		return err
	}
	s.files = append(s.files, f)
	w := bufio.NewWriterSize(f, 1<<16)
	var head [binary.MaxVarintLen64]byte
	for _, name := range s.sorted() {
		_, _ = w.Write(head[:binary.PutUvarint(head[:], uint64(len(name)))]) // Flush tells
		_, _ = w.Write(name)
	}
	s.bytes, s.ends = s.bytes[:0], s.ends[:0]
	return w.Flush()
}

// ascending begins to read the set.
func (s *names) ascending() (*nameCursor, error) {
	c := &nameCursor{}
	if list := s.sorted(); len(list) > 0 {
		c.runs = append(c.runs, &nameRun{list: list[1:], name: list[0]})
	}
	for _, f := range s.files {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		r := &nameRun{r: bufio.NewReaderSize(f, max(4<<10, namesReading/len(s.files)))}
		if ok, err := r.next(); err != nil {
			return nil, err
		} else if ok {
			c.runs = append(c.runs, r)
		}
	}
	heap.Init(c)
	return c, nil
}

// close gives the temporary files back.
func (s *names) close() (err error) {
	for _, f := range s.files {
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	*s = names{}
	return err
}

// nameRun is one sorted part of the set.
type nameRun struct {
	list [][]byte
	r    *bufio.Reader // nil: in memory
	name []byte
}

func (r *nameRun) next() (ok bool, err error) {
	if r.r == nil {
		if len(r.list) == 0 {
			return false, nil
		}
		r.name, r.list = r.list[0], r.list[1:]
		return true, nil
	}
	n, err := binary.ReadUvarint(r.r)
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.name = slices.Grow(r.name[:0], int(n))[:n]
	_, err = io.ReadFull(r.r, r.name)
	return err == nil, err
}

// nameCursor merges the parts: a heap by their next names.
type nameCursor struct{ runs []*nameRun }

func (c *nameCursor) Len() int           { return len(c.runs) }
func (c *nameCursor) Less(i, j int) bool { return bytes.Compare(c.runs[i].name, c.runs[j].name) < 0 }
func (c *nameCursor) Swap(i, j int)      { c.runs[i], c.runs[j] = c.runs[j], c.runs[i] }
func (c *nameCursor) Push(any)           {}
func (c *nameCursor) Pop() any           { c.runs = c.runs[:len(c.runs)-1]; return nil }

// has tells whether the set has name. It is asked for ascending names.
func (c *nameCursor) has(name []byte) (bool, error) {
	for len(c.runs) > 0 {
		switch bytes.Compare(c.runs[0].name, name) {
		case 0:
			return true, nil
		case 1:
			return false, nil
		}
		ok, err := c.runs[0].next()
		if err != nil {
			return false, err
		}
		if ok {
			heap.Fix(c, 0)
		} else {
			heap.Pop(c)
		}
	}
	return false, nil
}
