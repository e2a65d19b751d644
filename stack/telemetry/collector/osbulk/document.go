package osbulk

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	dayLayout = "2006.01.02"
	// A record whose clock is further away than this goes into the index of the day on which it was seen: a broken
	// clock must not make an index for every day since 1970.
	farAway = 7 * 24 * time.Hour
	// 128 bits of the hash: more than enough for what one day brings.
	idBytes = 16
)

// document is one log record as it is stored. Its fields are those of the template.
type document struct {
	Timestamp      string         `json:"@timestamp,omitempty"`
	Observed       string         `json:"observed_timestamp,omitempty"`
	TraceID        string         `json:"trace_id,omitempty"`
	SpanID         string         `json:"span_id,omitempty"`
	Severity       string         `json:"severity,omitempty"`
	SeverityNumber int            `json:"severity_number,omitempty"`
	Service        string         `json:"service,omitempty"`
	Event          string         `json:"event,omitempty"`
	Scope          string         `json:"scope,omitempty"`
	Message        string         `json:"message,omitempty"`
	Resource       map[string]any `json:"resource,omitempty"`
	Attributes     map[string]any `json:"attributes,omitempty"`
}

// item is a document with its place: index and id.
type item struct {
	index string
	id    string
	body  []byte
}

// items renders every record, in the order in which plog ranges over them.
func items(prefix string, logs plog.Logs, now time.Time) ([]item, error) {
	rendered := make([]item, 0, logs.LogRecordCount())
	for _, resource := range logs.ResourceLogs().All() {
		attributes := plain(resource.Resource().Attributes())
		service := ""
		if value, ok := resource.Resource().Attributes().Get("service.name"); ok {
			service = value.AsString()
		}
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				one, err := render(prefix, record, scope.Scope().Name(), service, attributes, now)
				if err != nil {
					return nil, err
				}
				rendered = append(rendered, one)
			}
		}
	}
	return rendered, nil
}

func render(
	prefix string, record plog.LogRecord, scope, service string, resource map[string]any, now time.Time,
) (item, error) {
	when, seen := record.Timestamp(), record.ObservedTimestamp()
	doc := document{
		Severity:       record.SeverityText(),
		SeverityNumber: int(record.SeverityNumber()),
		Service:        service,
		Event:          record.EventName(),
		Scope:          scope,
		Message:        record.Body().AsString(),
		Resource:       resource,
		Attributes:     plain(record.Attributes()),
	}
	if doc.Severity == "" && record.SeverityNumber() != plog.SeverityNumberUnspecified {
		doc.Severity = record.SeverityNumber().String()
	}
	if id := record.TraceID(); !id.IsEmpty() {
		doc.TraceID = id.String()
	}
	if id := record.SpanID(); !id.IsEmpty() {
		doc.SpanID = id.String()
	}
	if when != 0 {
		doc.Timestamp = written(when)
	}
	// What is the same however often a file is read again decides the id: not when it was seen.
	canonical, err := encode(doc)
	if err != nil {
		return item{}, err
	}
	sum := sha256.Sum256(canonical)
	if when == 0 {
		doc.Timestamp = written(orNow(seen, now))
	}
	if seen != 0 {
		doc.Observed = written(seen)
	}
	body, err := encode(doc)
	if err != nil {
		return item{}, err
	}
	return item{index: prefix + "-" + day(when, seen, now), id: hex.EncodeToString(sum[:idBytes]), body: body}, nil
}

func day(when, seen pcommon.Timestamp, now time.Time) string {
	observed := orNow(seen, now).AsTime()
	if when == 0 || when.AsTime().Sub(observed).Abs() > farAway {
		return observed.UTC().Format(dayLayout)
	}
	return when.AsTime().UTC().Format(dayLayout)
}

func orNow(seen pcommon.Timestamp, now time.Time) pcommon.Timestamp {
	if seen != 0 {
		return seen
	}
	return pcommon.NewTimestampFromTime(now)
}

func written(when pcommon.Timestamp) string {
	return when.AsTime().UTC().Format(time.RFC3339Nano)
}

func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("a record cannot be written as JSON: %w", err)
	}
	return bytes.TrimRight(buffer.Bytes(), "\n"), nil
}

// plain flattens attributes into one level, with `_` between the parts of a name.
//
// Both servers take a dot in a name for an object, so that `http` beside `http.route` would be refused; and names here
// are then those of metrics and of JSON logs.
func plain(attributes pcommon.Map) map[string]any {
	if attributes.Len() == 0 {
		return nil
	}
	flat := make(map[string]any, attributes.Len())
	flatten(flat, "", attributes)
	return flat
}

func flatten(into map[string]any, above string, attributes pcommon.Map) {
	names := make([]string, 0, attributes.Len())
	for name := range attributes.All() {
		names = append(names, name)
	}
	slices.Sort(names) // two names may become one: the same one wins every time
	for _, name := range names {
		value, _ := attributes.Get(name)
		key := above + strings.ReplaceAll(name, ".", "_")
		switch {
		case value.Type() == pcommon.ValueTypeMap:
			flatten(into, key+"_", value.Map())
		case key == "":
			into["_"] = simple(value)
		default:
			into[key] = simple(value)
		}
	}
}

func simple(value pcommon.Value) any {
	switch value.Type() {
	case pcommon.ValueTypeBool:
		return value.Bool()
	case pcommon.ValueTypeInt:
		return value.Int()
	case pcommon.ValueTypeDouble:
		if number := value.Double(); !math.IsNaN(number) && !math.IsInf(number, 0) {
			return number
		}
		return value.AsString() // JSON has no word for it
	case pcommon.ValueTypeBytes:
		return base64.StdEncoding.EncodeToString(value.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		list := make([]any, 0, value.Slice().Len())
		for _, each := range value.Slice().All() {
			// An object among them would not fit a field of words.
			list = append(list, each.AsString())
		}
		return list
	default:
		return value.AsString()
	}
}
