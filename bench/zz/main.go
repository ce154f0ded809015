package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(0, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func main() {
	mode := os.Args[1]
	n, _ := strconv.Atoi(os.Args[2])
	dir, _ := os.MkdirTemp("", "zz")
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := pebblekv.Open(dir, &pebblekv.Options{CacheBytes: 32 << 20})
	if err != nil {
		panic(err)
	}
	e, err := engine.New(s, &engine.Options{CacheBytes: 224 << 20})
	if err != nil {
		panic(err)
	}
	b, _ := e.Branch(ctx, "main")
	d := dataset.Set{Seed: 1}
	all := d.Entries(0, n+100000)
	if mode != "batched" && mode != "stage" {
		es := slices.Clone(all[:n])
		dataset.Sort(es)
		if mode == "load" && len(os.Args) > 3 {
			f, _ := os.Create(os.Args[3])
			pprof.StartCPUProfile(f)
			defer pprof.StopCPUProfile()
		}
		t, c := time.Now(), cpu()
		b.Load(ctx, func(y func(prolly.Entry, error) bool) {
			for _, x := range es {
				if !y(prolly.Entry{Key: x.Key, Value: prolly.Value{Bytes: x.Value}}, nil) {
					return
				}
			}
		})
		fmt.Println("load", time.Since(t), "cpu", cpu()-c)
		if mode == "load" {
			return
		}
		for range b.Range(ctx, prolly.Range{}) {
		}
	}
	if len(os.Args) > 3 {
		f, _ := os.Create(os.Args[3])
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	r := rand.New(rand.NewPCG(1, 2))
	t, c := time.Now(), cpu()
	var times []time.Duration
	rounds := 0
	switch mode {
	case "update":
		rounds = 200
		for range rounds {
			var ed []prolly.Edit
			for range 1000 {
				x := all[r.IntN(n)]
				ed = append(ed, prolly.Edit{Key: x.Key, Value: prolly.Value{Bytes: all[r.IntN(n)].Value}})
			}
			t := time.Now()
			b.Apply(ctx, ed, engine.NoSync)
			if _, err := b.Fold(ctx); err != nil {
				panic(err)
			}
			times = append(times, time.Since(t))
		}
	case "put":
		rounds = 10000
		for i := range rounds {
			x := all[n+i]
			t := time.Now()
			b.Put(ctx, x.Key, x.Value, engine.NoSync)
			b.Fold(ctx)
			times = append(times, time.Since(t))
		}
	case "stage":
		rounds = 1
		for i := range n / 10000 {
			var ed []prolly.Edit
			for _, x := range all[i*10000 : i*10000+10000] {
				ed = append(ed, prolly.Edit{Key: x.Key, Value: prolly.Value{Bytes: x.Value}})
			}
			t := time.Now()
			b.Apply(ctx, ed, engine.NoSync)
			times = append(times, time.Since(t))
		}
		fmt.Println("staged", time.Since(t), "cpu", cpu()-c)
		if _, err := b.Commit(ctx, engine.CommitOptions{}); err != nil {
			panic(err)
		}
	case "batched":
		rounds = n / 10000
		for i := range rounds {
			var ed []prolly.Edit
			for _, x := range all[i*10000 : i*10000+10000] {
				ed = append(ed, prolly.Edit{Key: x.Key, Value: prolly.Value{Bytes: x.Value}})
			}
			t := time.Now()
			b.Apply(ctx, ed, engine.NoSync)
			if _, err := b.Commit(ctx, engine.CommitOptions{Durability: engine.NoSync}); err != nil {
				panic(err)
			}
			times = append(times, time.Since(t))
		}
	}
	took, used := time.Since(t), cpu()-c
	slices.Sort(times)
	st := e.Stats()
	fmt.Printf("%s: wall/round %v cpu/round %v p50 %v p99 %v nodes %d bytes %d M reads %d\n", mode, took/time.Duration(rounds), used/time.Duration(rounds),
		times[len(times)/2], times[len(times)*99/100], st.NodeWrites, st.NodeWriteBytes>>20, st.NodeReads)
	e.Close()
}
