//go:build !linux

package others

func now() usage { return usage{} }
