package space

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestSMTP: a mail reaches a server, in one piece.
func TestSMTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		var all strings.Builder
		fmt.Fprint(c, "220 ready\r\n")
		for data := false; ; {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			all.WriteString(line)
			switch {
			case data && line == ".\r\n":
				data = false
				fmt.Fprint(c, "250 taken\r\n")
			case data:
			case strings.HasPrefix(line, "DATA"):
				data = true
				fmt.Fprint(c, "354 go on\r\n")
			case strings.HasPrefix(line, "QUIT"):
				fmt.Fprint(c, "221 bye\r\n")
			default:
				fmt.Fprint(c, "250 ok\r\n")
			}
		}
		got <- all.String()
	}()
	m := SMTP{Addr: l.Addr().String(), From: "space@example.org"}
	if err := m.Send("alice@web.mail", "Hello", "one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	text := <-got
	for _, want := range []string{"MAIL FROM:<space@example.org>", "RCPT TO:<alice@web.mail>", "Subject: Hello\r\n", "one\r\ntwo\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if err := m.Send("alice@web.mail\r\nBcc: all@example.org", "x", "y"); err == nil {
		t.Error("a header of several lines was sent")
	}
}
