package cell

import (
	"fmt"
	"strings"
)

// Ground is what a workload starts from.
type Ground uint8

const (
	Empty   Ground = iota // an empty directory
	Fixture               // the store that the sorted load left, for reading
	Copy                  // a copy of that store
)

// Workload is one piece of work, which may fill several rows.
type Workload struct {
	Name   string
	Ground Ground
	Leaves bool // the store it leaves is the fixture of the others
	Judged bool // by its memory: the Go runtime is told what it may have
	run    func(*env) error
}

// All lists the workloads in the order they run.
func All() []Workload {
	return []Workload{
		{Name: "sorted", Ground: Empty, Leaves: true, run: sorted},
		{Name: "batched", Ground: Empty, run: batched},
		{Name: "staged", Ground: Empty, run: staged},
		{Name: "open", Ground: Fixture, run: reopen},
		{Name: "get", Ground: Fixture, run: get},
		{Name: "cold", Ground: Fixture, run: cold},
		{Name: "scan", Ground: Fixture, run: scan},
		{Name: "query", Ground: Fixture, run: queryAll},
		{Name: "put", Ground: Copy, run: put},
		{Name: "putroot", Ground: Copy, run: putRoot},
		{Name: "update", Ground: Copy, run: update},
		{Name: "diff", Ground: Copy, run: diff},
		{Name: "collect", Ground: Empty, run: collect},
		{Name: "cores", Ground: Empty, run: cores},
		{Name: "dssmall", Ground: Empty, run: smallValues},
		{Name: "dslarge", Ground: Empty, run: largeValues},
	}
}

// Scaling lists the workloads that run with one size after the other.
func Scaling() []Workload {
	return []Workload{
		{Name: "grow", Ground: Empty, Leaves: true, Judged: true, run: grow},
		{Name: "scale", Ground: Copy, Judged: true, run: scale},
	}
}

// Find returns the workload of a name.
func Find(name string) (Workload, error) {
	var names []string
	for _, w := range append(All(), Scaling()...) {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return Workload{}, fmt.Errorf("no workload %q; there are: %s", name, strings.Join(names, ", "))
}
