// Package kv says what the engine asks of a key/value store.
package kv
