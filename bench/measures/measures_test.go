package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestSmall measures everything at a small size, but for the stream, which is in
// a process of its own, and reaches what does not depend on the machine.
func TestSmall(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	const n = 20_000
	if err := load(ctx, dir, n); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := stream(ctx, dir, n, &out); err != nil || !strings.Contains(out.String(), `"Export":`) {
		t.Fatalf("stream: %v: %s", err, &out)
	}
	if err := stream(ctx, dir, n+1, &out); err == nil {
		t.Error("an entry too few is not noticed (Q1)")
	}
	if rows, err := number(ctx, dir); err != nil || len(rows) != 3 {
		t.Errorf("number: %v: %v", err, rows)
	}
	rows, err := weights(ctx, n, 500)
	if err != nil {
		t.Fatal(err)
	}
	if !rows[0].Reached() {
		t.Errorf("weights: %v", rows)
	}
}
