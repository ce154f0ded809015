package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// paths lists every command, by the words that lead to it.
func paths(c *cobra.Command) [][]string {
	list := [][]string{strings.Fields(c.CommandPath())[1:]}
	for _, sub := range c.Commands() {
		list = append(list, paths(sub)...)
	}
	return list
}

func TestHelp(t *testing.T) {
	c := newCLI(t)
	commands := paths(newRoot(newApp(os.Stdin, os.Stdout, os.Stderr)))
	if len(commands) < 24 {
		t.Errorf("%d commands", len(commands))
	}
	for _, path := range commands {
		out := c.ok(append(path, "--help")...)
		for _, want := range []string{"Usage:", "Examples:\n  ", "prollyctl " + strings.Join(path, " "), "--store"} {
			if !strings.Contains(out, want) {
				t.Errorf("the help of %q lacks %q:\n%s", path, want, out)
			}
		}
		for _, line := range strings.Split(out, "\n") {
			if strings.Contains(line, "\t") {
				t.Errorf("the help of %q has a tab: %q", path, line)
			}
		}
	}
	if out := c.ok(); out != c.ok("help") {
		t.Error("prollyctl alone is not prollyctl help")
	}
}

func TestCompletion(t *testing.T) {
	c := newStore(t)
	for shell, words := range map[string]string{"bash": "__start_prollyctl", "zsh": "#compdef prollyctl", "fish": "complete -c prollyctl", "powershell": "Register-ArgumentCompleter"} {
		if out := c.ok("completion", shell); !strings.Contains(out, words) {
			t.Errorf("%s: no %q", shell, words)
		}
	}
	c.fails(exitFailed, "unknown shell", "completion", "cmd.exe")
	c.ok("put", "a", "1")
	c.ok("branch", "draft")
	c.ok("tag", "v1")
	for _, line := range []struct{ words, want string }{
		{"root", "draft main v1"},
		{"diff main", "draft main v1"},
		{"scan --ref", "draft main v1"},
		{"--branch", "draft main"},
		{"dump --format", "jsonl csv lines"},
		{"completion", "bash zsh fish powershell"},
		{"--output", "text json jsonl"},
	} {
		r := c.run(append(append([]string{"__complete"}, strings.Fields(line.words)...), "")...)
		got := strings.Fields(r.stdout)
		want := strings.Fields(line.want)
		if len(got) <= len(want) || strings.Join(got[:len(want)], " ") != line.want {
			t.Errorf("%s: %q, want %q", line.words, got, want)
		}
	}
	if r := c.run("--store", "nowhere", "__complete", "root", ""); r.status != exitOK || !strings.HasPrefix(r.stdout, ":") {
		t.Errorf("without a store: %+v", r)
	}
}

func TestVersion(t *testing.T) {
	c := newCLI(t)
	var v versionInfo
	c.json(&v, "version")
	if v.Format != 1 || v.Version == "" || !strings.HasPrefix(v.Go, "go1.") || !strings.Contains(v.Platform, "/") {
		t.Errorf("%+v", v)
	}
	if out := c.ok("version"); !strings.Contains(out, "tree format 1\n") {
		t.Error(out)
	}
	var one map[string]any
	if out := c.ok("version", "-o", "jsonl"); strings.Count(out, "\n") != 1 || json.Unmarshal([]byte(out), &one) != nil {
		t.Error(out)
	}
}
