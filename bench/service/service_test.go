package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain is the service when the test has started itself as one.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		main()
		return
	}
	// The library of UCANs logs through a package with a goroutine of its own.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/ipfs/go-log/writer.(*MirrorWriter).logRoutine"))
}

// TestServiceUnderLoad: more spaces than the service holds in memory, many
// clients at once (V1, V2, V3).
func TestServiceUnderLoad(t *testing.T) {
	const spaces, open = 96, 16
	dir := t.TempDir()
	o, err := parse([]string{"-spaces", fmt.Sprint(spaces), "-clients", "24", "-for", "1500ms", "-invoke", "0.5",
		"-open", fmt.Sprint(open), "-audit", fmt.Sprint(spaces), "-dir", dir, "-pprof", dir, "-o", "json"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.verdict(); err != nil {
		t.Error(err)
	}
	if r.Provision.Syncs != spaces || r.Rounds.Syncs == 0 || r.Rounds.Ran == 0 || r.Rounds.Exchange.P50 <= 0 {
		t.Errorf("V1 violated: %+v", r)
	}
	if s := r.Service; s.Audited != spaces || s.Usage != uint64(r.Rounds.Ran)*blobSize {
		t.Errorf("V2 violated: %d bytes used in %d spaces by %d invocations", s.Usage, s.Audited, r.Rounds.Ran)
	}
	// Each client may be opening one at the moment when it is looked.
	if s := r.Service; s.OpenPeak > open+o.clients {
		t.Errorf("V3 violated: %d branches were held, of at most %d", s.OpenPeak, open)
	}
	for _, name := range []string{"service.cpu", "service.heap", "service.block"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	var text strings.Builder
	var back result
	if err := r.print(&text); err != nil || json.Unmarshal([]byte(text.String()), &back) != nil || back.Spaces != spaces {
		t.Errorf("%v\n%s", err, &text)
	}
	o.output = "text"
	text.Reset()
	if err := r.print(&text); err != nil || !strings.Contains(text.String(), "resident at most") {
		t.Errorf("%v\n%s", err, &text)
	}
}

// TestVerdict: what goes wrong is told.
func TestVerdict(t *testing.T) {
	good := func() *result {
		return &result{Spaces: 2, Service: served{Spaces: 2}, Rounds: figures{Queued: 3, Ran: 3}}
	}
	if err := good().verdict(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*result){
		"V1: an invocation that was not run": func(r *result) { r.Rounds.Ran-- },
		"V1: a sync that failed":             func(r *result) { r.Provision.Errors = map[string]int{"no": 1} },
		"V1: a space that is not there":      func(r *result) { r.Service.Spaces-- },
		"V2: a problem that the audit found": func(r *result) { r.Service.Problems = []string{"S6 violated"} },
	} {
		r := good()
		if spoil(r); r.verdict() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestServiceDies: a service that ends by itself is an error, not a wait.
func TestServiceDies(t *testing.T) {
	o, err := parse([]string{"-spaces", "1", "-clients", "1"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := o.start(t.Context(), file); err == nil {
		t.Error("a service whose store is a file has started")
	}
}

// TestEndedBeforeTheTime: whoever gives up gets an error, and no process stays.
func TestEndedBeforeTheTime(t *testing.T) {
	o, err := parse([]string{"-spaces", "8", "-clients", "4", "-for", "1h", "-dir", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := o.run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestQuantile(t *testing.T) {
	var list []time.Duration
	for i := range 1000 {
		list = append(list, time.Duration(1000-i)*time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		if got := quantile(list, q); got != want*time.Millisecond {
			t.Errorf("the %v quantile is %v", q, got)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("a quantile of nothing")
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-spaces", "3", "-clients", "4"}, {"-clients", "0"}, {"-invoke", "2"}, {"-for", "0s"}, {"-o", "xml"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
