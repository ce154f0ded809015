package rows

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Format names a kind of file.
type Format string

// The formats.
const (
	JSONL Format = "jsonl"
	CSV   Format = "csv"
	Lines Format = "lines"

	// CAR is a tree in a CAR file, which package engine/car reads and writes,
	// not this one.
	CAR Format = "car"
)

// Formats are all of them.
var Formats = []string{string(JSONL), string(CSV), string(Lines), string(CAR)}

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case JSONL, CSV, Lines, CAR:
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q: use %s", name, strings.Join(Formats, ", "))
}

// FormatOf guesses the format of a file by the end of its name: .csv is CSV,
// .txt, .tsv and .lines are Lines, .car is CAR, and everything else JSONL.
func FormatOf(file string) Format {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".csv":
		return CSV
	case ".txt", ".tsv", ".lines":
		return Lines
	case ".car":
		return CAR
	}
	return JSONL
}

// LineError is what is wrong with a row.
type LineError struct {
	File string
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *LineError) Unwrap() error { return e.Err }
