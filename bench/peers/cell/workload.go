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
		{Name: "query", Ground: Fixture, run: query},
		{Name: "put", Ground: Copy, run: put},
		{Name: "putroot", Ground: Copy, run: putRoot},
		{Name: "update", Ground: Copy, run: update},
		{Name: "diff", Ground: Copy, run: diff},
	}
}

// Find returns the workload of a name.
func Find(name string) (Workload, error) {
	var names []string
	for _, w := range All() {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return Workload{}, fmt.Errorf("no workload %q; there are: %s", name, strings.Join(names, ", "))
}
