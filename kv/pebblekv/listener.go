package pebblekv

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// listener hears what Pebble does by itself. A corruption that a read meets is
// that read's error, and no reason to stop.
func (f *failure) listener() *pebble.EventListener {
	l := &pebble.EventListener{
		BackgroundError: func(err error) { f.log.Error("background job failed", "error", err) },
		FlushEnd:        func(info pebble.FlushInfo) { f.flushed(info.Err) },
		CompactionEnd: func(info pebble.CompactionInfo) {
			if info.Err != nil {
				select {
				case f.broken <- info.Err:
				default:
				}
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			f.log.Error("damaged file", "path", info.Path, "error", info.Details)
		},
	}
	f.hear(l)
	return l
}

// maxFlushes is how many flushes may fail in a row. Pebble tries again at once
// and for ever, while writers, Open and Close wait.
const maxFlushes = 5

// emptyTable is what Pebble says of a flush of nothing, which is no failure.
const emptyTable = "pebble: empty table"

// flushed counts flushes that fail in a row. The last one does not return, so
// that there is no next.
func (f *failure) flushed(err error) {
	if err == nil || err.Error() == emptyTable {
		f.flushes = 0
		return
	}
	select {
	case f.trouble <- struct{}{}:
	default:
	}
	if f.flushes++; f.flushes >= maxFlushes {
		f.halt(fmt.Errorf("%d flushes failed: %w", f.flushes, err))
	}
}

// Infof implements pebble.Logger.
func (f *failure) Infof(format string, args ...any) {
	if f.log.Enabled(context.Background(), slog.LevelDebug) {
		f.log.Debug(fmt.Sprintf(format, args...))
	}
}

// Errorf implements pebble.Logger.
func (f *failure) Errorf(format string, args ...any) { f.log.Error(fmt.Sprintf(format, args...)) }
