//go:build !race

package kvtest

const raceFactor = 1
