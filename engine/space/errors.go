package space

import "errors"

var (
	// ErrMalformed: bytes that are not what they have to be.
	ErrMalformed = errors.New("space: malformed")

	// ErrTooLarge: more than the limits allow.
	ErrTooLarge = errors.New("space: too large")

	// ErrUnknownBase: the service does not have the root that the client names as
	// the last common one.
	ErrUnknownBase = errors.New("space: unknown base")

	// ErrNotVerified: what the other side sent does not lead to the root that it
	// announced. Nothing was changed.
	ErrNotVerified = errors.New("space: content and root differ")

	// ErrService: the service refused the request, or answered nonsense.
	ErrService = errors.New("space: service")

	// ErrNoAddress: the blob has no place to be sent to: it is not allocated, or
	// stored already.
	ErrNoAddress = errors.New("space: no upload address")
)
