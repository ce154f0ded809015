package car

import "errors"

var (
	// ErrFormat: these bytes are no CAR file, or one of an unknown kind.
	ErrFormat = errors.New("car: malformed file")

	// ErrIncomplete: a block that something names is neither in the file, where
	// it would have to come, nor in the store.
	ErrIncomplete = errors.New("car: block missing")

	// ErrUnexpected: the file goes on with a block that nothing before it
	// names, or names at another place.
	ErrUnexpected = errors.New("car: block out of place")

	// ErrShape: a tree is not the one that its entries make.
	ErrShape = errors.New("car: tree of the wrong shape")

	// ErrBudget: the file holds more than was to be taken.
	ErrBudget = errors.New("car: over budget")

	// ErrHistory: the file leaves out older commits, which are not in the store.
	ErrHistory = errors.New("car: history is cut off")
)
