package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var blocks = regexp.MustCompile("(?s)```(sh|text)\n(.*?)```")

// TestWalkthrough runs docs/space.md: every sh block, in one directory, must end
// well, and print what the text block after it has, line by line, in that order.
func TestWalkthrough(t *testing.T) {
	doc, err := os.ReadFile("../../docs/space.md")
	if err != nil {
		t.Fatal(err)
	}
	c := newCLI(t)
	c.Cleanup(func() { // when it stopped half way
		b, err := os.ReadFile(filepath.Join(c.dir, "service.pid"))
		if err != nil {
			return
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && t.Failed() {
			if p, err := os.FindProcess(pid); err == nil {
				p.Kill()
			}
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out := ""
	for _, m := range blocks.FindAllStringSubmatch(string(doc), -1) {
		if m[1] == "sh" {
			cmd := exec.CommandContext(ctx, "sh", "-ec", m[2])
			cmd.Dir = c.dir
			cmd.Env = append(os.Environ(), "PROLLY_STORE=", "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"))
			b, err := cmd.CombinedOutput()
			if out = string(b); err != nil {
				t.Fatalf("%v\n%s\n%s", err, m[2], out)
			}
			continue
		}
		rest := out
		for _, line := range strings.Split(strings.TrimSpace(m[2]), "\n") {
			_, after, ok := strings.Cut(rest, line)
			if !ok {
				t.Errorf("no %q, in this place, in what was printed:\n%s", line, out)
			}
			rest = after
		}
	}
}
