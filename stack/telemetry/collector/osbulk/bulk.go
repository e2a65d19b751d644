package osbulk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// Answers hold one small object for each record; this is far above what the largest request can cause.
	maxAnswerBytes = 64 << 20
	// Without the errors' texts, which quote the records.
	bulkPath = "/_bulk?filter_path=items.*.status,items.*.error.type"
)

// verdict is what became of a record; these are the values of the counter's label.
type verdict string

const (
	created   verdict = "created"
	duplicate verdict = "duplicate" // it was there already: sent again after an answer that was lost
	retried   verdict = "retried"
	refused   verdict = "refused" // for good: sending it again would not help
)

type outcome struct {
	verdict verdict
	status  int
	reason  string
}

// refusalError is an answer to a whole request that is no success.
type refusalError struct {
	status int
	after  time.Duration
}

func (e *refusalError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.status, http.StatusText(e.status))
}

// span is a part of the records: from inclusive, to exclusive.
type span struct{ from, to int }

// chunks cuts records into requests of at most so many bytes; a record that is larger goes alone.
func chunks(all []item, limit int) []span {
	var found []span
	size := 0
	for at, each := range all {
		add := len(each.body) + len(each.index) + len(each.id) + 64 // about what the line above it takes
		if len(found) == 0 || size+add > limit {
			found = append(found, span{at, at})
			size = 0
		}
		size += add
		found[len(found)-1].to = at + 1
	}
	return found
}

// bulk sends one request and says what became of each record, in their order.
func (s *sender) bulk(ctx context.Context, part []item) ([]outcome, error) {
	var body bytes.Buffer
	for _, each := range part {
		// `create` refuses an id that is there already, so that a second sending changes nothing.
		action, err := json.Marshal(map[string]any{"create": map[string]string{"_index": each.index, "_id": each.id}})
		if err != nil {
			return nil, err
		}
		body.Write(action)
		body.WriteByte('\n')
		body.Write(each.body)
		body.WriteByte('\n')
	}
	answer, err := s.call(ctx, http.MethodPost, bulkPath, "application/x-ndjson", &body)
	if err != nil {
		return nil, err
	}
	return outcomesOf(answer, len(part))
}

func outcomesOf(answer []byte, expected int) ([]outcome, error) {
	var read struct {
		Items []map[string]struct {
			Status int `json:"status"`
			Error  struct {
				Type string `json:"type"`
			} `json:"error"`
		} `json:"items"`
	}
	if err := json.Unmarshal(answer, &read); err != nil {
		return nil, fmt.Errorf("the server's answer is no bulk answer: %w", err)
	}
	if len(read.Items) != expected {
		return nil, fmt.Errorf("the server answered for %d of %d records", len(read.Items), expected)
	}
	outcomes := make([]outcome, 0, expected)
	for _, each := range read.Items {
		for _, result := range each {
			outcomes = append(outcomes, outcome{judge(result.Status), result.Status, result.Error.Type})
		}
	}
	if len(outcomes) != expected {
		return nil, errors.New("the server's answer has records without a result")
	}
	return outcomes, nil
}

func judge(status int) verdict {
	switch {
	case status >= 200 && status < 300:
		return created
	case status == http.StatusConflict:
		return duplicate
	case mayPass(status):
		return retried
	default:
		return refused
	}
}

// mayPass tells an answer that another time may be a better one: too busy, or broken on its side.
func mayPass(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500
}

func (s *sender) putTemplate(ctx context.Context) error {
	body, err := json.Marshal(template(s.config))
	if err != nil {
		return err
	}
	path := "/_index_template/" + url.PathEscape(s.config.Index)
	_, err = s.call(ctx, http.MethodPut, path, "application/json", bytes.NewReader(body))
	return err
}

func (s *sender) call(ctx context.Context, method, path, kind string, body io.Reader) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.address+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", kind)
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < 200 || response.StatusCode >= 300 {
		// Read, so that the connection can be used again; not told, since it quotes what was sent.
		_, _ = io.CopyN(io.Discard, response.Body, maxAnswerBytes)
		return nil, &refusalError{response.StatusCode, retryAfter(response.Header.Get("Retry-After"))}
	}
	return io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
}

func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
