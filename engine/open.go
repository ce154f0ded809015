package engine

import (
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

// Open opens the store in dir, in a Pebble database, and creates it when there
// is none, unless o says otherwise. ErrNoStore, ErrLocked, ErrFormat,
// ErrRollback and ErrCorrupt tell what stands in the way.
func Open(dir string, o *Options) (*Engine, error) {
	d := o.withDefaults()
	s, err := pebblekv.Open(dir, &pebblekv.Options{ReadOnly: d.ReadOnly, MustExist: d.MustExist, Logger: d.Logger})
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return New(s, o)
}

// OpenDamaged opens the store in dir for reading what is left of it, also when
// its own records contradict each other or it was rolled back. Nothing is
// written to it. It is for Salvage.
func OpenDamaged(dir string, o *Options) (*Engine, error) {
	d := o.withDefaults()
	d.ReadOnly = true
	s, err := pebblekv.Open(dir, &pebblekv.Options{ReadOnly: true, Damaged: true, MustExist: true, Logger: d.Logger})
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return New(s, &d)
}
