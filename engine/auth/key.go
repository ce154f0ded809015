package auth

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal"
	"github.com/storacha/go-ucanto/principal/ed25519/signer"
	wrap "github.com/storacha/go-ucanto/principal/signer"
	"github.com/storacha/go-ucanto/principal/verifier"
)

// NewKey makes an Ed25519 key.
func NewKey() (principal.Signer, error) {
	k, err := signer.Generate()
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return k, nil
}

// ParseKey reads a key as the ecosystem writes it: "Mg…".
func ParseKey(s string) (principal.Signer, error) {
	k, err := signer.Parse(s)
	if err != nil || !strings.HasPrefix(s, "Mg") { // says nothing of what it was given
		return nil, fmt.Errorf("%w: no Ed25519 key in base64 (Mg…)", ErrKeyFile)
	}
	return k, nil
}

// FormatKey writes a key as ParseKey reads it.
func FormatKey(k principal.Signer) (string, error) {
	if w, ok := k.(wrap.WrappedSigner); ok {
		k = w.Unwrap()
	}
	return signer.Format(k)
}

// WithDID gives a key another name, such as a did:web.
func WithDID(k principal.Signer, name string) (principal.Signer, error) {
	d, err := did.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if d == k.DID() {
		return k, nil
	}
	if err := checkDID(d.Bytes()); err != nil || !keyless(d) {
		return nil, fmt.Errorf("%w: %.80q", ErrMalformed, name)
	}
	w, err := wrap.Wrap(k, d)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return w, nil
}

// Authority is the public key of a service, and the name that it goes by: for
// Config.Authority.
func Authority(key did.DID, name string) (principal.Verifier, error) {
	k, err := parseKey(key.String())
	if err != nil || name == key.String() {
		return k, err
	}
	d, err := did.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return verifier.Wrap(k, d)
}

// LoadKey reads a key from a file that nobody else may read or write.
func LoadKey(path string) (principal.Signer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("auth: key: %w", err)
	}
	defer f.Close() // only read from
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("auth: key: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no file", ErrKeyFile, path)
	}
	if m := st.Mode().Perm(); m&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, others may use it; run: chmod 600 %s", ErrKeyFile, path, m, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return nil, fmt.Errorf("auth: key: %w", err)
	}
	return ParseKey(strings.TrimSpace(string(b)))
}

// SaveKey writes a key to a file that must not exist, of mode 0600.
func SaveKey(path string, k principal.Signer) error {
	s, err := FormatKey(k)
	if err != nil {
		return fmt.Errorf("auth: key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("auth: key: %w", err)
	}
	_, err = f.WriteString(s + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("auth: key: %w", err)
	}
	return nil
}
