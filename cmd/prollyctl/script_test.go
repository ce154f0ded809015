package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs the shell sessions in testdata. Each "sh" block is run by a
// shell in a directory of the file's own; what it prints, stderr included,
// must be what stands below. Commits and times have other names each time: they
// are shown as <commit N>, in the order they were met, and <time>. Run with
// -rewrite to write down what is printed now.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Fatal("the scripts need a POSIX shell: ", err)
	}
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		t.Parallel()
		s := script{dir: t.TempDir(), commits: map[string]int{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "sh" {
				t.Fatalf("%s: unknown block %q", d.Pos, d.Cmd)
			}
			return s.run(t, d.Input)
		})
	})
}

type script struct {
	dir     string
	commits map[string]int
}

func (s *script) run(t *testing.T, input string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", input)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PROLLY_STORE=", "TZ=UTC", "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	text := s.settle(string(out))
	if err != nil {
		text += fmt.Sprintln(err)
	}
	return text
}

var (
	aCID    = `bafyrei[a-z2-7]{52}`
	commits = []*regexp.Regexp{
		regexp.MustCompile(`#\d+ +(` + aCID + `)`),
		regexp.MustCompile(`(` + aCID + `)  #\d`),
		regexp.MustCompile(`"commit": ?{\s*"/": ?"(` + aCID + `)"`),
	}
	times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|"time": ?\d{13}`)
)

// settle gives what differs from run to run names that do not.
func (s *script) settle(text string) string {
	for _, re := range commits {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			if s.commits[m[1]] == 0 {
				s.commits[m[1]] = len(s.commits) + 1
			}
		}
	}
	for c, n := range s.commits {
		text = strings.ReplaceAll(text, c, fmt.Sprintf("<commit %d>", n))
	}
	return times.ReplaceAllStringFunc(text, func(m string) string {
		if strings.HasPrefix(m, `"`) {
			return `"time": <time>`
		}
		return "<time>"
	})
}
