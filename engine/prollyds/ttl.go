package prollyds

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
	"weak"

	datastore "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
)

// PutWithTTL sets the value of key until ttl has passed. In the same step any
// earlier expiry time goes. With a ttl of 0 or less the time is over at once:
// key is removed.
func (d *Datastore) PutWithTTL(ctx context.Context, key datastore.Key, value []byte, ttl time.Duration) error {
	if ttl <= 0 {
		return d.Delete(ctx, key)
	}
	if err := d.begin(ctx, key); err != nil {
		return keyFailed("put with ttl", key, err)
	}
	k := keyBytes(key)
	err := d.expire(ctx, func(u *engine.Update) error {
		if err := u.Tree().Put(ctx, k, value); err != nil {
			return err
		}
		return u.Side().Put(ctx, k, expiryBytes(d.o.now().Add(ttl)))
	})
	return keyFailed("put with ttl", key, err)
}

// SetTTL makes the entry of key expire when ttl has passed from now, whatever
// was said before; at once with a ttl of 0 or less. datastore.ErrNotFound, bare,
// when there is no entry.
func (d *Datastore) SetTTL(ctx context.Context, key datastore.Key, ttl time.Duration) error {
	if err := d.begin(ctx, key); err != nil {
		return keyFailed("set ttl", key, err)
	}
	k := keyBytes(key)
	err := d.expire(ctx, func(u *engine.Update) error {
		m := moment{tree: u.Tree(), side: u.Side(), now: d.o.now()}
		ok, err := m.has(ctx, k)
		switch {
		case err != nil:
			return err
		case !ok:
			return datastore.ErrNotFound
		case ttl > 0:
			return u.Side().Put(ctx, k, expiryBytes(m.now.Add(ttl)))
		}
		return drop(ctx, u, k)
	})
	if errors.Is(err, datastore.ErrNotFound) {
		return datastore.ErrNotFound
	}
	return keyFailed("set ttl", key, err)
}

// GetExpiration returns when the entry of key expires, the zero time when it
// does not. datastore.ErrNotFound, bare, when there is no entry.
func (d *Datastore) GetExpiration(ctx context.Context, key datastore.Key) (time.Time, error) {
	if err := d.begin(ctx, key); err != nil {
		return time.Time{}, keyFailed("get expiration of", key, err)
	}
	at, err := d.expiration(ctx, keyBytes(key))
	return at, keyFailed("get expiration of", key, err)
}

func (d *Datastore) expiration(ctx context.Context, key []byte) (time.Time, error) {
	m, release, err := d.at(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer release()
	at, live, err := m.expiry(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	ok, err := m.tree.Has(ctx, key)
	if err == nil && (!ok || !live) {
		err = datastore.ErrNotFound
	}
	if err != nil {
		return time.Time{}, err
	}
	return at, nil
}

// expiryTree is a side tree that can be written to.
type expiryTree interface {
	Has(ctx context.Context, key []byte) (bool, error)
	Delete(ctx context.Context, key []byte) error
}

// forget takes the expiry time of key away.
func forget(ctx context.Context, side expiryTree, key []byte) error {
	ok, err := side.Has(ctx, key)
	if err != nil || !ok {
		return err
	}
	return side.Delete(ctx, key)
}

// drop removes an entry and its expiry time.
func drop(ctx context.Context, u *engine.Update, key []byte) error {
	if err := u.Tree().Delete(ctx, key); err != nil {
		return err
	}
	return forget(ctx, u.Side(), key)
}

// ttlLock keeps the short way of writing honest, which writes to the tree alone
// because the side tree is empty. Who finds it empty and relies on that holds
// the lock shared until the write is done; who makes it otherwise holds it
// alone. All datastores on a branch share one.
type ttlLock struct{ sync.RWMutex }

var ttlLocks struct {
	sync.Mutex
	of map[weak.Pointer[engine.Branch]]*ttlLock
}

func ttlLockOf(b *engine.Branch) *ttlLock {
	p := weak.Make(b)
	ttlLocks.Lock()
	defer ttlLocks.Unlock()
	if l := ttlLocks.of[p]; l != nil {
		return l
	}
	if ttlLocks.of == nil {
		ttlLocks.of = map[weak.Pointer[engine.Branch]]*ttlLock{}
	}
	l := new(ttlLock)
	ttlLocks.of[p] = l
	runtime.AddCleanup(b, dropTTLLock, p)
	return l
}

func dropTTLLock(p weak.Pointer[engine.Branch]) {
	ttlLocks.Lock()
	defer ttlLocks.Unlock()
	delete(ttlLocks.of, p)
}

// errSideEmpty: what was found otherwise has become empty.
var errSideEmpty = errors.New("prollyds: side tree became empty")

// expire does an update that sets expiry times.
func (d *Datastore) expire(ctx context.Context, f func(*engine.Update) error) error {
	err := d.expireAnother(ctx, f)
	if !errors.Is(err, errSideEmpty) {
		return err
	}
	d.ttl.Lock()
	defer d.ttl.Unlock()
	return d.b.Update(ctx, f, d.o.durability)
}

// expireAnother is expire when other entries have expiry times already.
func (d *Datastore) expireAnother(ctx context.Context, f func(*engine.Update) error) error {
	d.ttl.RLock()
	defer d.ttl.RUnlock()
	return d.b.Update(ctx, func(u *engine.Update) error {
		if d.b.Side().Empty() { // nobody can change that during an update
			return errSideEmpty
		}
		return f(u)
	}, d.o.durability)
}
