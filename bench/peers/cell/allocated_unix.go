//go:build unix

package cell

import (
	"io/fs"
	"syscall"
)

// allocated is what a file takes of the disk: less than its size where it has
// holes, as files made in advance have.
func allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return min(int64(st.Blocks)*512, info.Size())
	}
	return info.Size()
}
