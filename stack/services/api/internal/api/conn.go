package api

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
)

// limitedListener bounds the connections, and lets each of them see what net/http answers by itself.
type limitedListener struct {
	net.Listener
	server *Server
	places chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	connection, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &enveloped{Conn: connection, server: l.server, release: func() { <-l.places }}, nil
}

// enveloped puts what net/http says about a request that never became one (a head that can't be parsed, or is larger
// than anything) into the contract's envelope, with its log line. Everything else passes as it is.
type enveloped struct {
	net.Conn
	server  *Server
	once    sync.Once
	release func()
}

func (c *enveloped) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}

// CloseWrite lets net/http wait for a client that still sends, so that it reads the answer.
func (c *enveloped) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

var (
	statusLine = []byte("HTTP/1.1 ")
	canned     = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
)

func (c *enveloped) Write(text []byte) (int, error) {
	if !bytes.HasPrefix(text, statusLine) {
		return c.Conn.Write(text)
	}
	end := bytes.IndexByte(text[:min(len(text), 256)], '\r')
	if end < 0 || !bytes.HasPrefix(text[end:], canned) {
		return c.Conn.Write(text)
	}
	status, err := strconv.Atoi(string(text[9:min(12, end)]))
	if err != nil {
		return c.Conn.Write(text)
	}
	message := "The request can't be understood"
	if status == http.StatusRequestHeaderFieldsTooLarge {
		message = "The headers are too long"
	}
	id := newRequestID()
	body := fault.New(status, message).JSON()
	c.server.Metrics.Request("", unmatched, status, 0)
	c.server.Logger.InfoContext(telemetry.WithRequestID(context.Background(), id), "request",
		"http_request_method", "_OTHER", "http_route", unmatched, "http_response_status_code", status,
		"duration_seconds", 0.0)
	_ = c.Conn.SetWriteDeadline(time.Now().Add(c.server.Config.Body))
	_, err = fmt.Fprintf(c.Conn, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), id, body)
	if err != nil {
		return 0, err
	}
	return len(text), nil
}
