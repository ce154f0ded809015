package space

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Mailer sends a mail.
type Mailer interface {
	Send(to, subject, text string) error
}

// MailDir writes mails as files into a directory: for tests, and for a program
// that sends them on.
type MailDir string

// Send writes one file, named so that they sort by time.
func (d MailDir) Send(to, subject, text string) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("space: mail: %w", err)
	}
	name := filepath.Join(string(d), time.Now().UTC().Format("20060102T150405.000000")+"-"+rand.Text()[:8])
	if err := os.WriteFile(name+".tmp", letter("", to, subject, text), 0o600); err != nil {
		return fmt.Errorf("space: mail: %w", err)
	}
	if err := os.Rename(name+".tmp", name+".eml"); err != nil {
		return fmt.Errorf("space: mail: %w", err)
	}
	return nil
}

// SMTP sends mails through a server, with STARTTLS where it is offered.
type SMTP struct {
	Addr           string // host:port
	From           string
	User, Password string // none when empty; never sent in the clear
}

// smtpTime is how long a server may take for one mail.
const smtpTime = 30 * time.Second

// Send hands one mail to the server.
func (m SMTP) Send(to, subject, text string) error {
	if strings.ContainsAny(to+m.From+subject, "\r\n") {
		return errors.New("space: mail: a header of several lines")
	}
	if err := m.send(to, letter(m.From, to, subject, text)); err != nil {
		return fmt.Errorf("space: mail: %w", err)
	}
	return nil
}

func (m SMTP) send(to string, letter []byte) error {
	host, _, err := net.SplitHostPort(m.Addr)
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", m.Addr, smtpTime)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(smtpTime)); err != nil {
		return errors.Join(err, conn.Close())
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer c.Close() // after Quit it says that it is closed
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(&tls.Config{ServerName: host}); err != nil {
			return err
		}
	}
	if m.User != "" {
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(m.From); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(letter); err != nil {
		return err
	}
	return errors.Join(w.Close(), c.Quit())
}

func letter(from, to, subject, text string) []byte {
	head := "To: " + to + "\r\nSubject: " + subject + "\r\nDate: " + time.Now().Format(time.RFC1123Z) +
		"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
	if from != "" {
		head = "From: " + from + "\r\n" + head
	}
	return []byte(head + strings.ReplaceAll(text, "\n", "\r\n"))
}
