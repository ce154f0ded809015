package main

import (
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/go-ds-prolly/go-ds-prolly/cmd/prollyctl/internal/plain"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/car"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// progress shows on stderr how far a load is, with its rate and the time that
// it will still take. Nil shows nothing.
type progress struct {
	bar     *progressbar.ProgressBar
	file    string
	began   time.Time
	entries uint64
}

// progressEvery is how often the number of entries is looked at.
const progressEvery = 10_000

// progress begins to show the reading of a file; a length of -1 is unknown. Nil
// when stderr is no terminal.
func (a *app) progress(file string, length int64) *progress {
	if !a.errTTY {
		return nil
	}
	bar := progressbar.NewOptions64(length,
		progressbar.OptionSetWriter(a.stderr),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(length >= 0),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription(plain.String(file)),
	)
	return &progress{bar: bar, file: plain.String(file), began: time.Now()}
}

// checkProgress begins to show a check, whose end is not known beforehand; nil
// when stderr is no terminal.
func (a *app) checkProgress() *progress {
	p := a.progress("check", -1)
	if p != nil {
		p.checked(engine.CheckStats{})
	}
	return p
}

// checked tells how far a check is.
func (p *progress) checked(s engine.CheckStats) {
	if p == nil {
		return
	}
	what := fmt.Sprintf("check: %s nodes, %s other blocks, %s commits", count(s.Nodes), count(s.Blobs), count(s.Commits))
	if s.Problems > 0 {
		what += ", " + many(s.Problems, "problem", "problems")
	}
	if s.Store {
		what += "; the store's own records"
	}
	p.bar.Describe(what)
	_ = p.bar.Set64(int64(s.NodeBytes)) // a bar that cannot be drawn is no reason to stop
}

// reader counts what is read from r.
func (p *progress) reader(r io.Reader) io.Reader {
	if p == nil {
		return r
	}
	return progressReader{r, p}
}

// writer counts what is written to w.
func (p *progress) writer(w io.Writer) io.Writer {
	if p == nil {
		return w
	}
	return progressWriter{w, p}
}

type progressWriter struct {
	w io.Writer
	p *progress
}

func (w progressWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	_ = w.p.bar.Add64(int64(n)) // as with reading
	return n, err
}

// blocks tells how many blocks of a CAR file have passed.
func (p *progress) blocks(s car.Stats) {
	if p != nil {
		p.bar.Describe(fmt.Sprintf("%s: %s nodes, %s other blocks", p.file, count(s.Nodes), count(s.Blobs+s.Linked+s.Commits)))
	}
}

type progressReader struct {
	r io.Reader
	p *progress
}

func (r progressReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	_ = r.p.bar.Add64(int64(n)) // a bar that cannot be drawn is no reason to stop
	return n, err
}

// count counts the entries as they pass, and tells when they are all in.
func (p *progress) count(entries iter.Seq2[prolly.Entry, error]) iter.Seq2[prolly.Entry, error] {
	if p == nil {
		return entries
	}
	return func(yield func(prolly.Entry, error) bool) {
		for e, err := range entries {
			if p.entries++; p.entries%progressEvery == 0 {
				p.describe("")
			}
			if !yield(e, err) {
				return
			}
		}
		p.describe(", writing")
	}
}

func (p *progress) describe(more string) {
	rate := float64(p.entries) / max(time.Since(p.began).Seconds(), 1e-3)
	p.bar.Describe(fmt.Sprintf("%s: %s entries, %s/s%s", p.file, count(p.entries), count(uint64(rate)), more))
}

// end removes the bar.
func (p *progress) end() {
	if p != nil {
		_ = p.bar.Exit()
		_ = p.bar.Clear()
	}
}
