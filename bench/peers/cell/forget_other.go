//go:build !linux

package cell

// forget cannot be done here.
func forget(string) error { return ErrUnable }
