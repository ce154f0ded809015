package resident

import (
	"runtime/debug"
	"slices"
)

// LinksC tells whether this program was built with C, so that Pebble keeps its
// blocks and memtables outside the Go heap.
func LinksC() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
}
