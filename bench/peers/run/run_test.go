package run

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/cell"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/report"
)

// TestMain lets the test's own program be the process of a cell.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-cell" {
		if err := Command(context.Background(), os.Args[1:], os.Stdout); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestC1EveryCellRunsAndAgrees(t *testing.T) {
	dir := t.TempDir()
	page, raw := filepath.Join(dir, "page.md"), filepath.Join(dir, "raw.json")
	args := []string{"-n", "300", "-reps", "1", "-dir", dir, "-o", page, "-json", raw, "-scaling", "200,400", "-plots", filepath.Join(dir, "plots")}
	if err := Command(t.Context(), args, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peer.All() {
		if !strings.Contains(string(text), p.Name) {
			t.Errorf("the report does not mention %s", p.Name)
		}
	}
	if strings.Contains(string(text), "## Wrong or failed") {
		t.Errorf("something is wrong or failed:\n%s", text)
	}
	left, err := filepath.Glob(filepath.Join(dir, "peers-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	again := filepath.Join(dir, "again.md")
	if err := Command(t.Context(), []string{"-from", raw, "-o", again, "-plots", filepath.Join(dir, "plots")}, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(again); err != nil || !bytes.Equal(b, text) {
		t.Errorf("the report made of the results is another: %v", err)
	}
	for _, name := range []string{"ratios.svg", "scaling.svg", "cores.svg"} {
		if info, err := os.Stat(filepath.Join(dir, "plots", name)); err != nil || info.Size() < 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	everyWorkloadHasFigures(t, raw)
}

// everyWorkloadHasFigures checks that each workload worked on some store of
// ours.
func everyWorkloadHasFigures(t *testing.T, raw string) {
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	var run report.Run
	if err := json.Unmarshal(b, &run); err != nil {
		t.Fatal(err)
	}
	ours := map[string]int{}
	for _, c := range run.Cells {
		if c.Peer == "engine" || c.Peer == "prollyds" {
			ours[c.Workload] += len(c.Figures)
		}
	}
	for _, w := range append(cell.All(), cell.Scaling()...) {
		if ours[w.Name] == 0 {
			t.Errorf("C1 violated: no figure of ours from %s", w.Name)
		}
	}
	n := len(peer.All()) * len(cell.All())
	for _, p := range peer.All() {
		if p.Scales {
			n += 2 * len(cell.Scaling())
		}
	}
	if len(run.Cells) != n {
		t.Errorf("C1 violated: %d cells, not %d", len(run.Cells), n)
	}
}

func TestC2FailureIsAnError(t *testing.T) {
	args := []string{"-n", "10", "-reps", "1", "-dir", t.TempDir(), "-limit", "1ns", "-peers", "raw Pebble", "-workloads", "sorted"}
	var out bytes.Buffer
	err := Command(t.Context(), args, &out)
	if err == nil || !strings.Contains(err.Error(), "took longer") {
		t.Errorf("C2 violated: a cell that takes too long: %v", err)
	}
	if !strings.Contains(out.String(), "sorted on raw Pebble: took longer than 1ns") {
		t.Errorf("C2 violated: the report does not tell:\n%s", &out)
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-n", "0"}, {"-reps", "0"}, {"-peers", "nobody"}, {"-workloads", "sleep"}, {"-scaling", "x"}, {"-from", "nowhere"}, {"more"}, {"-cell", "{"},
	} {
		if err := Command(t.Context(), args, new(bytes.Buffer)); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
