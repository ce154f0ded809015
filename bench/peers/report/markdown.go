package report

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"
	"time"
)

//go:embed report.md.tmpl
var page embed.FS

var parsed = template.Must(template.ParseFS(page, "report.md.tmpl"))

// Markdown writes the report.
func Markdown(r *Run) ([]byte, error) {
	f := r.figures()
	var b bytes.Buffer
	err := parsed.Execute(&b, map[string]any{
		"Run":       r,
		"Command":   r.command(),
		"CacheMiB":  r.CacheBytes >> 20,
		"Entries":   thousands(fmt.Sprint(r.N)),
		"Reps":      plural(r.Reps, "repetition"),
		"Took":      r.Took.Round(time.Second).String(),
		"NotAsThen": r.N != earlierN,
		"Ratios":    r.ratioTable(f),
		"Verdicts":  r.verdictTable(f),
		"Counts":    r.countTable(f),
		"Figures":   r.figureTable(f, rows),
		"Memory":    r.figureTable(f, memory),
		"Losses":    r.losses(f),
		"Wrongs":    r.wrongs(),
		"Failures":  r.failures(),
	})
	return b.Bytes(), err
}

// command is what was run, without where its output went.
func (r *Run) command() string {
	return fmt.Sprintf("go run . -n %d -reps %d -o ../../BENCHMARKS.md", r.N, r.Reps)
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
