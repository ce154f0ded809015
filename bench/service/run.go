package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is the service at work.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	url string
}

// start has this very program be the service.
func (o *options) start(ctx context.Context, dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, "-dir", dir, "-pprof", o.pprof,
		"-open", fmt.Sprint(o.open), "-cache", fmt.Sprint(o.cache), "-memory", fmt.Sprint(o.memory), "-audit", fmt.Sprint(o.audit))}
	p.cmd.Env = append(os.Environ(), roleVariable+"=1")
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the service said nothing: %w", err), p.kill())
	}
	p.url = strings.TrimSpace(line)
	return p, nil
}

func (p *process) kill() error {
	if p.cmd.ProcessState != nil {
		return nil
	}
	return errors.Join(p.cmd.Process.Kill(), p.cmd.Wait())
}

// end ends the service in order and returns what it tells.
func (p *process) end(r *result) error {
	if err := p.in.Close(); err != nil {
		return err
	}
	if err := json.NewDecoder(p.out).Decode(&r.Service); err != nil {
		return fmt.Errorf("the service told nothing: %w", err)
	}
	if err := p.cmd.Wait(); err != nil {
		return err
	}
	r.ServiceCPU = (p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()).Seconds()
	if use, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.PeakMemory = uint64(use.Maxrss) << 10 // KiB, on Linux
	}
	return nil
}

// run makes the spaces, has them synced, and measures.
func (o *options) run(ctx context.Context) (r *result, err error) {
	dir, err := os.MkdirTemp(o.dir, "service-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := o.start(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = p.kill() // it is of no more use
		}
	}()
	r = &result{options: o, Spaces: o.spaces, Clients: o.clients}
	begin := processorTime()
	if err := o.load(ctx, p.url, r); err != nil {
		return nil, err
	}
	r.ClientCPU = (processorTime() - begin).Seconds()
	return r, p.end(r)
}

// load is what the clients do.
func (o *options) load(ctx context.Context, url string, r *result) (err error) {
	all, err := o.makeClients(ctx, url)
	defer func() { err = errors.Join(err, closeAll(all)) }()
	if err != nil {
		return err
	}
	sum, took, err := together(ctx, all, func(ctx context.Context, c *client) error { return c.provision(ctx) })
	if err != nil {
		return err
	}
	r.Provision = figuresOf(sum, took)
	until := time.Now().Add(o.duration)
	sum, took, err = together(ctx, all, func(ctx context.Context, c *client) error { return c.rounds(ctx, until) })
	r.Rounds = figuresOf(sum, took)
	return err
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
