package report

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
)

//go:embed report.md.tmpl
var page embed.FS

var parsed = template.Must(template.ParseFS(page, "report.md.tmpl"))

// Markdown writes the report. plots is where it finds the pictures that Plots
// makes; without, it shows none.
func Markdown(r *Run, plots string) ([]byte, error) {
	f := r.figures(r.N)
	var b bytes.Buffer
	err := parsed.Execute(&b, map[string]any{
		"Run":        r,
		"Command":    r.command(),
		"CacheMiB":   r.CacheBytes >> 20,
		"Entries":    r.entries(),
		"Reps":       r.repetitions(),
		"Took":       r.Took.Round(time.Second).String(),
		"NotAsThen":  r.N != earlierN,
		"Plots":      plots,
		"Ratios":     r.ratioTable(f),
		"Reach":      r.reachTable(f),
		"Datastores": r.datastoreTable(f),
		"Counts":     r.figureTable(f, counts),
		"Figures":    r.figureTable(f, slices.Concat(rows, datastores)),
		"Cores":      r.coreTable(f),
		"Scales":     r.scaleTable(),
		"ScaleReach": r.scaleReach(),
		"Memory":     r.figureTable(f, memory),
		"Losses":     r.losses(f),
		"OtherWork":  r.otherWork(),
		"Wrongs":     r.wrongs(),
		"Failures":   r.failures(),
	})
	return b.Bytes(), err
}

// command is what measures it all again.
func (r *Run) command() string {
	args := fmt.Sprintf("-n %d -reps %d", r.N, r.Reps)
	if r.onlyScales() {
		var names []string
		for _, p := range r.Peers {
			names = append(names, p.Name)
		}
		args = fmt.Sprintf("-only-scaling -peers '%s' -reps %d", strings.Join(names, ";"), r.Reps)
	}
	if len(r.Sizes) > 0 {
		args += " -scaling " + strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Sizes), " ", ","), "[]")
	}
	if r.peer(doltOwn).Name == "" {
		return "cd bench/peers && go run . " + args + " -o ../../BENCHMARKS.md -plots ../../docs/bench"
	}
	return "cd bench/peers/all && CGO_ENABLED=1 go run -tags pebblegozstd . " + args + " -o ../../../BENCHMARKS.md -plots ../../../docs/bench"
}

// entries says how many there were in a store.
func (r *Run) entries() string {
	if !r.onlyScales() {
		return thousands(fmt.Sprint(r.N))
	}
	return thousands(fmt.Sprint(slices.Min(r.Sizes))) + " to " + thousands(fmt.Sprint(slices.Max(r.Sizes)))
}

// onlyScales tells that nothing was measured but what is measured by size.
func (r *Run) onlyScales() bool {
	scaling := cell.Scaling()
	return len(r.Sizes) > 0 && !slices.ContainsFunc(r.Cells, func(c Cell) bool {
		return !slices.ContainsFunc(scaling, func(w cell.Workload) bool { return w.Name == c.Workload })
	})
}

func (r *Run) failures() []Cell {
	var found []Cell
	for _, c := range r.Cells {
		if c.Failure != "" {
			found = append(found, c)
		}
	}
	return found
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// repetitions says how many there were of each cell. Runs that were put together
// may differ.
func (r *Run) repetitions() string {
	text := plural(r.Reps, "repetition")
	if r.Parts > 1 {
		text = "at most " + text
	}
	return text
}
