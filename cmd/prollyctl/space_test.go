package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// get fetches JSON from the service.
func (s *spaceServer) get(path string, to any) {
	s.Helper()
	b := s.fetch(path)
	if err := json.Unmarshal(b, to); err != nil {
		s.Fatal(err)
	}
}

func (s *spaceServer) fetch(path string) []byte {
	s.Helper()
	res, err := http.Get(s.url + path)
	if err != nil {
		s.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		s.Fatalf("%s: %s, %v: %s", path, res.Status, err, b)
	}
	return b
}

// metric is a counter of the service.
func (s *spaceServer) metric(name string) int {
	s.Helper()
	for _, line := range strings.Split(string(s.fetch("/metrics")), "\n") {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				s.Fatal(err)
			}
			return n
		}
	}
	s.Fatalf("no metric %s", name)
	return 0
}
