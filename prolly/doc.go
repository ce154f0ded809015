// Package prolly is a history-independent, content-addressed, ordered search
// tree, as a pure function of its content.
package prolly
