package prollyds

import (
	"log/slog"
	"testing"
)

// TestWithLogger: the engine gets the logger.
func TestWithLogger(t *testing.T) {
	var o options
	l := slog.New(slog.DiscardHandler)
	if WithLogger(l)(&o); o.engine.Logger != l {
		t.Error("the engine is given another logger")
	}
}
