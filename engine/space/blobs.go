package space

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
)

// Blobs is a directory of files named by their multihash: the bytes of blobs. A
// file that is there is whole and was checked. All methods may be called by
// several goroutines at once.
type Blobs struct{ dir string }

// ErrDigest: bytes are not those that the digest and size say.
var ErrDigest = errors.New("space: bytes differ from digest and size")

// OpenBlobs returns the blobs of a directory, made if it is missing.
func OpenBlobs(dir string) (*Blobs, error) {
	if err := os.MkdirAll(filepath.Join(dir, "part"), 0o700); err != nil {
		return nil, fmt.Errorf("space: blobs: %w", err)
	}
	// What a crash left half written is of no use.
	parts, err := filepath.Glob(filepath.Join(dir, "part", "*"))
	for _, p := range parts {
		err = errors.Join(err, os.Remove(p))
	}
	if err != nil {
		return nil, fmt.Errorf("space: blobs: %w", err)
	}
	return &Blobs{dir}, nil
}

// path spreads files over 1,024 directories.
func (b *Blobs) path(d mh.Multihash) string {
	s := formatDigest(d)
	return filepath.Join(b.dir, s[len(s)-2:], s)
}

// Has tells whether all bytes of a blob are here.
func (b *Blobs) Has(d mh.Multihash, size uint64) bool {
	st, err := os.Stat(b.path(d))
	return err == nil && st.Mode().IsRegular() && uint64(st.Size()) == size
}

// Open reads a blob; fs.ErrNotExist. The caller closes it.
func (b *Blobs) Open(d mh.Multihash) (*os.File, error) { return os.Open(b.path(d)) }

// Put reads a blob to its end, checks it and keeps it, durably. ErrDigest when it
// is another; then, as after any error, nothing is kept.
func (b *Blobs) Put(d mh.Multihash, size uint64, r io.Reader) error {
	return b.put(d, size, r, func() (func(), error) { return func() {}, nil })
}

// put is Put, and calls may before the bytes can be found, and then what it
// returned.
func (b *Blobs) put(d mh.Multihash, size uint64, r io.Reader, may func() (done func(), err error)) (err error) {
	if b.Has(d, size) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Join(b.dir, "part"), "*")
	if err != nil {
		return fmt.Errorf("space: blob: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(r, int64(size)+1))
	if err == nil && uint64(n) == size {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("space: blob: %w", err)
	}
	got, err := mh.Encode(h.Sum(nil), mh.SHA2_256)
	if err != nil {
		return err
	}
	if uint64(n) != size || string(got) != string(d) {
		return fmt.Errorf("%w: %s", ErrDigest, formatDigest(d))
	}
	done, err := may()
	if err != nil {
		return err
	}
	defer done()
	return b.publish(f.Name(), b.path(d))
}

// publish moves a file to where it is found, durably.
func (b *Blobs) publish(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("space: blob: %w", err)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("space: blob: %w", err)
	}
	for _, dir := range []string{filepath.Dir(to), b.dir} {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("space: blob: %w", err)
		}
	}
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Add keeps the bytes of r under their digest.
func (b *Blobs) Add(r io.ReadSeeker) (d mh.Multihash, size uint64, err error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return nil, 0, fmt.Errorf("space: blob: %w", err)
	}
	sum, err := mh.Encode(h.Sum(nil), mh.SHA2_256)
	if err != nil {
		return nil, 0, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, 0, fmt.Errorf("space: blob: %w", err)
	}
	return sum, uint64(n), b.Put(sum, uint64(n), r)
}

// Remove forgets a blob, durably; none is no error. Who has opened it reads on.
func (b *Blobs) Remove(d mh.Multihash) error {
	err := os.Remove(b.path(d))
	if err == nil {
		err = syncDir(filepath.Dir(b.path(d)))
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("space: blob: %w", err)
	}
	return nil
}

// AddBlob keeps the bytes of r, and names them as a blob that is to be added.
func (b *Blobs) AddBlob(r io.ReadSeeker) (Blob, error) {
	d, n, err := b.Add(r)
	return Blob{Digest: d, Size: n, State: receipt.Queued}, err
}
