package engine

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Refs of the store: branches under one prefix, tags under another.
const (
	branchPrefix = "b/"
	tagPrefix    = "t/"
	maxName      = 200
)

// checkName answers ErrBadName for what cannot name a branch or a tag.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty", ErrBadName)
	case len(name) > maxName:
		return fmt.Errorf("%w: %d bytes, more than %d", ErrBadName, len(name), maxName)
	case name[0] == '-':
		return fmt.Errorf("%w: %q begins with '-'", ErrBadName, name)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %q is not UTF-8", ErrBadName, name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: %q has a control character", ErrBadName, name)
	}
	return nil
}
