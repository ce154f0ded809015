package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// output is the form of what a command prints; a pflag.Value.
type output string

const (
	text  output = "text"
	asOne output = "json"  // one document
	lines output = "jsonl" // a document a line
)

var outputs = []string{string(text), string(asOne), string(lines)}

func (o *output) String() string { return string(*o) }

// Type names the kind of value in help.
func (o *output) Type() string { return "FORM" }

// Set implements pflag.Value.
func (o *output) Set(s string) error {
	if !slices.Contains(outputs, s) {
		return fmt.Errorf("use one of %s", strings.Join(outputs, ", "))
	}
	*o = output(s)
	return nil
}

// print writes a command's single result: v as JSON, or what human writes.
func (a *app) print(v any, human func(w io.Writer)) error {
	if a.output == text {
		human(a.stdout)
		return nil
	}
	b, err := marshal(v)
	if err == nil && a.output == asOne {
		b, err = indent(b)
	}
	if err == nil {
		_, err = a.stdout.Write(append(b, '\n'))
	}
	return err
}

// marshal encodes v on one line.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// brokenLink is a link, or the inner part of bytes, as json.Indent spreads it over lines.
var brokenLink = regexp.MustCompile(`\{\n\s*("/"|"bytes"): ("[^"]*"|\{"bytes": "[^"]*"\})\n\s*\}`)

// indent spreads JSON over lines, but keeps links and bytes on one.
func indent(b []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return nil, err
	}
	b = out.Bytes()
	for range 2 { // from the inside out
		b = brokenLink.ReplaceAll(b, []byte("{$1: $2}"))
	}
	return b, nil
}

// list writes results one after the other: as an array, or a line each.
type list struct {
	a *app
	n int
}

// next separates a result from those before. Call it before writing each.
func (l *list) next() error {
	var err error
	switch {
	case l.a.output == asOne && l.n == 0:
		_, err = l.a.stdout.WriteString("[\n  ")
	case l.a.output == asOne:
		_, err = l.a.stdout.WriteString(",\n  ")
	case l.n > 0:
		err = l.a.stdout.WriteByte('\n')
	}
	l.n++
	return err
}

// end closes the list.
func (l *list) end() error {
	var err error
	switch {
	case l.a.output == text:
	case l.a.output == asOne && l.n == 0:
		_, err = l.a.stdout.WriteString("[]\n")
	case l.a.output == asOne:
		_, err = l.a.stdout.WriteString("\n]\n")
	case l.n > 0:
		err = l.a.stdout.WriteByte('\n')
	}
	return err
}

// item writes v as one result in JSON.
func (l *list) item(v any) error {
	if err := l.next(); err != nil {
		return err
	}
	b, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = l.a.stdout.Write(b)
	return err
}

// printList writes a list: its items as JSON, or a table that rows fills with
// cells that tabs separate.
func printList[T any](a *app, items []T, row func(w io.Writer, item T)) error {
	if a.output == text {
		w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
		for _, item := range items {
			row(w, item)
		}
		return w.Flush()
	}
	l := list{a: a}
	for _, item := range items {
		if err := l.item(item); err != nil {
			return err
		}
	}
	return l.end()
}

// count writes a number with its thousands apart.
func count[N int | uint64](n N) string {
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// many writes a number of things.
func many[N int | uint64](n N, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + more
}

// size writes a number of bytes for people.
func size(n uint64) string {
	if n < 1<<10 {
		return many(n, "byte", "bytes")
	}
	f, unit := float64(n)/(1<<10), 0
	for f >= 1<<10 && unit < 3 {
		f, unit = f/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[unit])
}

// when writes the time of a commit, in Unix milliseconds.
func when(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02 15:04:05") }
