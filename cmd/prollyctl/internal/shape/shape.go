package shape

import (
	"math"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Level is what is known of the nodes of one level. Min, Mean, Max and P99 are
// of their weights, the units in which the tree decides where nodes begin; CV is
// the weights' standard deviation divided by their mean.
type Level struct {
	Level int     `json:"level"` // 0: the leaves
	Nodes uint64  `json:"nodes"`
	Bytes uint64  `json:"bytes"` // of their blocks
	Min   int     `json:"min"`
	Mean  float64 `json:"mean"`
	Max   int     `json:"max"`
	P99   int     `json:"p99"` // the least weight that 99 % do not pass
	CV    float64 `json:"cv"`
}

// Summary takes nodes in, one after the other. Its zero value is ready.
type Summary struct {
	Nodes     uint64 // all that were added
	NodeBytes uint64 // of their blocks
	Blobs     uint64 // values that stand out of line
	BlobBytes uint64 // their length
	Links     uint64 // values that are links
	levels    []histogram
}

// histogram counts weights. A node of a well-formed tree weighs no more than
// MaxWeight; the last bucket is for what is heavier.
type histogram struct {
	nodes, bytes uint64
	weights      [codec.MaxWeight + 2]uint64
}

// Add takes a node in.
func (s *Summary) Add(n *prolly.Node) {
	for len(s.levels) <= n.Level() {
		s.levels = append(s.levels, histogram{})
	}
	h := &s.levels[n.Level()]
	h.nodes++
	h.bytes += uint64(len(n.Block()))
	h.weights[min(n.Weight(), codec.MaxWeight+1)]++
	s.Nodes++
	s.NodeBytes += uint64(len(n.Block()))
	if !n.HasOutOfLine() {
		return
	}
	for i := range n.Len() {
		switch n.Kind(i) {
		case codec.Blob:
			s.Blobs++
			s.BlobBytes += n.Size(i)
		case codec.Link:
			s.Links++
		}
	}
}

// Levels returns what is known of each level, leaves first.
func (s *Summary) Levels() []Level {
	levels := make([]Level, len(s.levels))
	for i := range s.levels {
		levels[i] = s.levels[i].level(i)
	}
	return levels
}

func (h *histogram) level(n int) Level {
	l := Level{Level: n, Nodes: h.nodes, Bytes: h.bytes, Min: -1, P99: -1}
	if h.nodes == 0 {
		return Level{Level: n}
	}
	var sum, squares float64
	var seen uint64
	for w, count := range h.weights {
		if count == 0 {
			continue
		}
		if l.Min < 0 {
			l.Min = w
		}
		l.Max = w
		sum += float64(count) * float64(w)
		squares += float64(count) * float64(w) * float64(w)
		if seen += count; l.P99 < 0 && seen*100 >= h.nodes*99 {
			l.P99 = w
		}
	}
	l.Mean = sum / float64(h.nodes)
	if variance := squares/float64(h.nodes) - l.Mean*l.Mean; variance > 0 && l.Mean > 0 {
		l.CV = math.Sqrt(variance) / l.Mean
	}
	return l
}
