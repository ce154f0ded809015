package space

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
)

// ServiceOptions describe a service. Engine, Signer and Blobs are needed.
type ServiceOptions struct {
	Engine *engine.Engine
	Signer principal.Signer // the service's key, under its DID
	Blobs  *Blobs           // where the bytes of blobs are kept

	Capacity uint64 // bytes that a space may have allocated; 1 GiB when 0
	URL      string // where the service is reached, for addresses that it hands out
	Mailer   Mailer // for links to confirm; nothing is sent when nil
	Limits   Limits
	Upkeep   Upkeep // of Serve
	Logger   *slog.Logger
	Now      func() time.Time // time.Now when nil
}

// Limits bound what clients may cost. Zero values stand for the defaults that
// the comments name.
type Limits struct {
	RequestBytes int64         // of one request but a blob: 64 MiB
	Blocks       int           // of one request: 65,536
	TreeBytes    uint64        // of the entries of one space, without what they link to: 1 GiB
	AnswerBytes  int64         // of the entries in one answer to a sync, with what they link to, about: 8 MiB
	BlobBytes    uint64        // of one blob: 4 GiB
	Invocations  int           // of one message: 256
	Requests     int           // at work at once: 64
	Memory       int64         // of all requests at work together: 256 MiB
	Spaces       int           // kept by the service: 100,000
	Address      time.Duration // how long an upload address holds: 24 h
	Confirm      time.Duration // how long a link in a mail holds: 15 min
}

func (l Limits) withDefaults() Limits {
	set(&l.RequestBytes, maxRequest)
	set(&l.Blocks, 65_536)
	set(&l.TreeBytes, 1<<30)
	set(&l.AnswerBytes, 8<<20)
	l.AnswerBytes = min(l.AnswerBytes, maxAnswer/4)
	set(&l.BlobBytes, 4<<30)
	set(&l.Invocations, 256)
	set(&l.Requests, 64)
	set(&l.Memory, 256<<20)
	set(&l.Spaces, 100_000)
	set(&l.Address, 24*time.Hour)
	set(&l.Confirm, 15*time.Minute)
	return l
}

func set[T int | int64 | uint64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// serviceBranch holds, in its side tree, what belongs to no space.
const serviceBranch = "service"

// Service keeps spaces, answers invocations and upholds what it signed. All
// methods may be called by several goroutines at once. One service at a time
// works on a store.
type Service struct {
	o    ServiceOptions
	e    *engine.Engine
	me   principal.Signer
	own  *engine.Branch // serviceBranch
	auth *auth.Validator
	log  *slog.Logger

	handlers map[string]handler

	// syncing is held during the sync of a space; running, taken after it, while
	// an invocation is run that changes the state of a home. That of the service's
	// own branch is taken before that of a space.
	syncing, running locks
	digests          locks // of blobs; taken last

	mails mailLimit
	lacks sync.Map // names of branches that hold what clients have of an answer: when that was

	revokedMu sync.RWMutex
	revoked   map[cid.Cid]struct{}

	n counters
}

// NewService makes a service of what the engine's store holds.
func NewService(ctx context.Context, o ServiceOptions) (*Service, error) {
	o.Limits, o.Upkeep = o.Limits.withDefaults(), o.Upkeep.withDefaults()
	set(&o.Capacity, 1<<30)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	own, err := o.Engine.Branch(ctx, serviceBranch)
	if err != nil {
		return nil, fmt.Errorf("space: service: %w", err)
	}
	s := &Service{o: o, e: o.Engine, me: o.Signer, own: own, log: o.Logger}
	if s.auth, err = s.newValidator(); err != nil {
		return nil, fmt.Errorf("space: service: %w", err)
	}
	s.handlers = s.newHandlers()
	return s, s.recall(ctx)
}

// DID names the service.
func (s *Service) DID() did.DID { return s.me.DID() }

// recall loads what is kept in memory.
func (s *Service) recall(ctx context.Context) error {
	spaces, err := List(ctx, s.e)
	if err != nil {
		return fmt.Errorf("space: service: %w", err)
	}
	s.n.spaces.Store(int64(len(spaces)))
	if err := s.noteHolds(ctx, spaces); err != nil {
		return fmt.Errorf("space: service: %w", err)
	}
	if err := s.finishDrops(ctx); err != nil {
		return fmt.Errorf("space: service: %w", err)
	}
	if err := s.recallLacks(ctx); err != nil {
		return fmt.Errorf("space: service: %w", err)
	}
	return s.loadRevocations(ctx)
}

// Usage is the number of bytes that count against the capacity of a space.
func (s *Service) Usage(ctx context.Context, space did.DID) (n uint64, err error) {
	b, err := s.e.Lookup(ctx, BranchName(space))
	if errors.Is(err, engine.ErrNoBranch) {
		return 0, nil
	}
	if err == nil {
		err = side(ctx, b, func(r *engine.Root) error { n, err = getUsage(ctx, r); return err })
	}
	return n, err
}
