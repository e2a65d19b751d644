// Package upstream asks the services behind this one: git and search.
package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
)

// How much of an answer is read at most, and how long one may take: what only reads, and what changes something.
const (
	mostBytes = 64 << 20
	reading   = 20 * time.Second
	changing  = 90 * time.Second
)

// Service is one of them.
type Service struct {
	name  string
	base  string
	token string
	http  *http.Client
}

// Transport is how services are reached: their bodies stay as they are, and no answer is waited for without the
// caller's own deadline.
func Transport(service string, counted *metrics.Metrics) *telemetry.Transport {
	return &telemetry.Transport{Service: service, Metrics: counted, Next: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		DisableCompression:    true,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       60 * time.Second,
		ExpectContinueTimeout: 5 * time.Second,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}}
}

func newService(name, base, token string, transport http.RoundTripper) Service {
	return Service{name: name, base: base, token: token, http: &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// Away is the fault of a service that doesn't answer as it should.
func (s *Service) Away(cause error) error {
	if errors.Is(cause, context.Canceled) {
		return &fault.Fault{Status: 499, Code: "CLIENT_CLOSED_REQUEST", Message: "The client left", Cause: cause}
	}
	return fault.Unavailable("The "+s.name+" service can't be reached", cause)
}

// send asks; the answer's body is the caller's to close. A failure is a fault in the words of the contract.
func (s *Service) send(
	ctx context.Context, method, path string, query url.Values, user string, body any,
) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fault.Internal(err)
		}
		reader = bytes.NewReader(text)
	}
	address := s.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, fault.Internal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	if user != "" {
		request.Header.Set("X-Engineroom-User", user)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, s.Away(err)
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		return nil, s.failure(response)
	}
	return response, nil
}

// failure puts what a service refused into our words. That it doesn't take our token is not the client's fault.
func (s *Service) failure(response *http.Response) error {
	var answer struct {
		Error struct {
			Code    string         `json:"code"`
			Message string         `json:"message"`
			Hint    string         `json:"hint"`
			Details map[string]any `json:"details"`
		} `json:"error"`
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	status := response.StatusCode
	cause := fmt.Errorf("%s answered %d %s", s.name, status, answer.Error.Code)
	if err != nil || status >= 500 || status == http.StatusUnauthorized || status < 400 {
		away := fault.Unavailable("The "+s.name+" service can't do this now", cause)
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
			away.RetryAfter = seconds
		}
		return away
	}
	refused := fault.New(status, answer.Error.Message).Because(cause)
	if len(answer.Error.Details) > 0 {
		refused.Details = answer.Error.Details
	}
	if answer.Error.Hint != "" {
		refused.With("hint", answer.Error.Hint)
	}
	if status == http.StatusConflict && answer.Error.Code != "" {
		refused.Code = answer.Error.Code // why not, more precisely: MERGE_CONFLICT, HEAD_MOVED, ...
	}
	return refused
}

// answer is the envelope of the services.
type answer[T any] struct {
	Data T    `json:"data"`
	Meta Meta `json:"meta"`
}

// Meta is what comes beside the data.
type Meta struct {
	Commit    *string `json:"commit"`
	More      bool    `json:"more"`
	Truncated bool    `json:"truncated"`
	Next      *string `json:"next"`
}

// ask sends, and reads the answer's data.
func ask[T any](
	ctx context.Context, s *Service, method, path string, query url.Values, user string, body any,
) (data T, meta Meta, err error) {
	patience := reading
	if method != http.MethodGet {
		patience = changing
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	response, err := s.send(ctx, method, path, query, user, body)
	if err != nil {
		return data, meta, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return data, meta, nil
	}
	var read answer[T]
	if err := json.NewDecoder(io.LimitReader(response.Body, mostBytes)).Decode(&read); err != nil {
		return data, meta, s.Away(err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4096))
	return read.Data, read.Meta, nil
}

// Alive asks a service whether its process lives.
func (s *Service) Alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	response, err := s.send(ctx, http.MethodGet, "/healthz", nil, "", nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// Refusal is the failure that a response is, in our words; its body is read and closed.
func (s *Service) Refusal(response *http.Response) error {
	defer response.Body.Close()
	return s.failure(response)
}
