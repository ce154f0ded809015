// Package codec turns blocks of bytes into nodes, chunk lists and commits, and
// back.
package codec
