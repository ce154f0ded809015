package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// figures are what one phase came to; times in milliseconds.
type figures struct {
	Syncs    int            `json:"syncs"`
	Rate     float64        `json:"syncsPerSecond"`
	Seconds  float64        `json:"seconds"`
	Exchange times          `json:"exchange"` // HTTP, from the request's first byte to the answer's last
	Sync     times          `json:"sync"`     // with the client's own work
	Bytes    uint64         `json:"bytes"`    // of requests and answers
	Queued   int            `json:"invocationsQueued"`
	Ran      int            `json:"invocationsRun"`
	Errors   map[string]int `json:"errors"`
}

type times struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func timesOf(list []time.Duration) times {
	ms := func(q float64) float64 { return float64(quantile(list, q).Microseconds()) / 1000 }
	return times{ms(0.5), ms(0.99), ms(0.999), ms(1)}
}

func figuresOf(t tally, took time.Duration) figures {
	return figures{
		Syncs: len(t.syncs), Rate: float64(len(t.syncs)) / took.Seconds(), Seconds: took.Seconds(),
		Exchange: timesOf(t.exchanges), Sync: timesOf(t.syncs), Bytes: t.bytes,
		Queued: t.queued, Ran: t.ran, Errors: t.errors,
	}
}

// result is what a run came to.
type result struct {
	options *options

	Spaces     int     `json:"spaces"`
	Clients    int     `json:"clients"`
	Provision  figures `json:"provision"`
	Rounds     figures `json:"rounds"`
	Service    served  `json:"service"`
	PeakMemory uint64  `json:"peakMemory"`     // resident bytes of the service
	ServiceCPU float64 `json:"serviceSeconds"` // processor time
	ClientCPU  float64 `json:"clientSeconds"`
}

// verdict is an error when V1 or V2 does not hold.
func (r *result) verdict() error {
	var err error
	for _, p := range []struct {
		name string
		figures
	}{{"provision", r.Provision}, {"rounds", r.Rounds}} {
		for text, n := range p.Errors {
			err = errors.Join(err, fmt.Errorf("%s: %d × %s", p.name, n, text))
		}
		if p.Queued != p.Ran {
			err = errors.Join(err, fmt.Errorf("V1 violated: %s: %d invocations were queued and %d run", p.name, p.Queued, p.Ran))
		}
	}
	for _, p := range r.Service.Problems {
		err = errors.Join(err, errors.New(p))
	}
	if r.Service.Spaces != r.Spaces {
		err = errors.Join(err, fmt.Errorf("V1 violated: the service has %d spaces of %d", r.Service.Spaces, r.Spaces))
	}
	return err
}

const mib = 1 << 20

func (r *result) print(w io.Writer) error {
	if r.options.output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	var text strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	say("%d spaces, %d clients at once; %d entries and %.2f invocations a sync", r.Spaces, r.Clients, r.options.edits, r.options.invoke)
	for _, p := range []struct {
		name string
		figures
	}{{"first syncs", r.Provision}, {"syncs", r.Rounds}} {
		say("%-12s %8d in %.1f s, %.0f/s; %d invocations run, %d errors", p.name, p.Syncs, p.Seconds, p.Rate, p.Ran, count(p.Errors))
		say("  exchange   p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, max %.1f ms", p.Exchange.P50, p.Exchange.P99, p.Exchange.P999, p.Exchange.Max)
		say("  sync       p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, max %.1f ms", p.Sync.P50, p.Sync.P99, p.Sync.P999, p.Sync.Max)
		for _, e := range slices.Sorted(maps.Keys(p.Errors)) {
			say("  %d × %s", p.Errors[e], e)
		}
	}
	s := &r.Service
	say("memory       %8.0f MiB resident at most; heap %.0f MiB at most, %.0f MiB after a collection; %.0f MiB in the end, %.0f MiB of it cache",
		float64(r.PeakMemory)/mib, float64(s.HeapPeak)/mib, float64(s.LivePeak)/mib, float64(s.HeapEnd)/mib, float64(s.Cache)/mib)
	say("open         %8d branches at most, of %d spaces; %d goroutines at most", s.OpenPeak, s.Spaces, s.Goroutine)
	say("disk         %8.0f MiB", float64(s.Disk)/mib)
	say("processor    %8.1f s of the service, %.1f s of the clients", r.ServiceCPU, r.ClientCPU)
	say("audit        %8d spaces, %d problems", s.Audited, len(s.Problems))
	_, err := io.WriteString(w, text.String())
	return err
}

func count(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}
