package prollyds

import (
	"errors"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

var (
	// ErrReadOnlyTxn answers writes to a transaction that was begun for reading.
	ErrReadOnlyTxn = errors.New("prollyds: read-only transaction")

	// ErrBatchDone answers uses of a batch after its Commit.
	ErrBatchDone = errors.New("prollyds: batch was committed")

	// ErrBadQuery: a filter or an order that is nil, or a comparison that
	// go-datastore does not define.
	ErrBadQuery = errors.New("prollyds: bad query")

	// ErrProblems is what Check and Scrub answer when they found something
	// wrong; errors.As gives the *ProblemsError with what it was.
	ErrProblems = errors.New("prollyds: problems found")
)

// maxProblems is how many problems a ProblemsError keeps.
const maxProblems = 100

// ProblemsError lists what Check found wrong. It is ErrProblems and each of the
// problems' errors.
type ProblemsError struct {
	Problems []engine.Problem // the first hundred
	Total    int
}

// Error tells how many problems there are and the first of them.
func (e *ProblemsError) Error() string {
	p := e.Problems[0]
	return fmt.Sprintf("%v: %d, the first: %s %v: %v", ErrProblems, e.Total, p.Kind, p.CID, p.Err)
}

// Unwrap lets errors.Is see ErrProblems and what is behind the problems.
func (e *ProblemsError) Unwrap() []error {
	errs := []error{ErrProblems}
	for _, p := range e.Problems {
		errs = append(errs, p.Err)
	}
	return errs
}

func (e *ProblemsError) add(p engine.Problem) {
	e.Total++
	if len(e.Problems) < maxProblems {
		e.Problems = append(e.Problems, p)
	}
}

// orNil returns e as an error when it has problems.
func (e *ProblemsError) orNil() error {
	if e.Total == 0 {
		return nil
	}
	return e
}

// failed wraps an error once with what was being done.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("prollyds: %s: %w", op, err)
}
