package osbulk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// server speaks the part of the bulk interface that the exporter uses, and keeps what it was told.
type server struct {
	*httptest.Server
	sync.Mutex
	templates map[string]map[string]any
	stored    map[string]map[string]any // by index/id
	requests  int
	// status says what becomes of a whole request, item of one record; 0: nothing special.
	status func(body string) int
	item   func(document map[string]any) int
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{templates: map[string]map[string]any{}, stored: map[string]map[string]any{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Lock()
		defer s.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if name, ok := strings.CutPrefix(r.URL.Path, "/_index_template/"); ok {
			s.template(t, w, name, body)
			return
		}
		s.requests++
		if s.status != nil {
			if status := s.status(string(body)); status != 0 {
				w.Header().Set("Retry-After", "7")
				http.Error(w, string(body), status) // as servers do: it quotes what was sent
				return
			}
		}
		s.bulk(t, w, string(body))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) template(t *testing.T, w http.ResponseWriter, name string, body []byte) {
	t.Helper()
	if s.status != nil {
		if status := s.status("template"); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	var read map[string]any
	if err := json.Unmarshal(body, &read); err != nil {
		t.Error(err)
	}
	s.templates[name] = read
}

func (s *server) bulk(t *testing.T, w http.ResponseWriter, body string) {
	t.Helper()
	if !strings.HasSuffix(body, "\n") {
		t.Error("a bulk body ends with a newline")
	}
	results := []any{}
	lines := bufio.NewScanner(strings.NewReader(body))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var action map[string]map[string]string
		var document map[string]any
		if err := json.Unmarshal(lines.Bytes(), &action); err != nil {
			t.Fatal(err)
		}
		lines.Scan()
		if err := json.Unmarshal(lines.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		place := action["create"]["_index"] + "/" + action["create"]["_id"]
		status := 0
		if s.item != nil {
			status = s.item(document)
		}
		if _, there := s.stored[place]; there && status == 0 {
			status = http.StatusConflict
		}
		if status == 0 {
			status = http.StatusCreated
			s.stored[place] = document
		}
		result := map[string]any{"status": status}
		if status >= 400 {
			result["error"] = map[string]string{"type": "an_exception"}
		}
		results = append(results, map[string]any{"create": result})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": results})
}

func (s *server) messages() []string {
	s.Lock()
	defer s.Unlock()
	var found []string
	for _, document := range s.stored {
		found = append(found, fmt.Sprint(document["message"]))
	}
	slices.Sort(found)
	return found
}

type counted struct {
	reader *sdkmetric.ManualReader
}

func (c counted) of(t *testing.T, result string) int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := c.reader.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, scope := range data.ScopeMetrics {
		for _, metric := range scope.Metrics {
			if metric.Name != "otelcol_osbulk_documents" {
				continue
			}
			for _, point := range metric.Data.(metricdata.Sum[int64]).DataPoints {
				if value, _ := point.Attributes.Value(attribute.Key("result")); value.AsString() == result {
					sum += point.Value
				}
			}
		}
	}
	return sum
}

func newTestSender(t *testing.T, address string, change func(*Config)) (*sender, counted) {
	t.Helper()
	config := createDefaultConfig().(*Config)
	config.ClientConfig.Endpoint = address
	if change != nil {
		change(config)
	}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader()
	set := exportertest.NewNopSettings(componentType)
	set.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	s, err := newSender(config, set)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.start(context.Background(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	return s, counted{reader}
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 123456789, time.UTC)

// someLogs has one resource with the messages, one second apart.
func someLogs(messages ...string) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "git")
	scope := resource.ScopeLogs().AppendEmpty()
	for at, message := range messages {
		record := scope.LogRecords().AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Duration(at) * time.Second)))
		record.SetObservedTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Minute)))
		record.Body().SetStr(message)
	}
	return logs
}

func TestARecordIsStoredWithItsFieldsUnderItsDay(t *testing.T) {
	server := newServer(t)
	s, counts := newTestSender(t, server.URL, func(c *Config) { c.Index = "logs-forge" })
	logs := someLogs("cloned")
	record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	record.SetTraceID([16]byte{0xab, 15: 1})
	record.SetSpanID([8]byte{0xcd, 7: 2})
	record.SetSeverityText("warn")
	record.SetSeverityNumber(plog.SeverityNumberWarn)
	attributes := record.Attributes()
	attributes.PutStr("http.route", "/api/v1/repos/{owner}")
	attributes.PutInt("http", 1) // beside http.route: an object and a number, were the dots kept
	attributes.PutDouble("duration_seconds", 0.25)
	attributes.PutDouble("odd", math.NaN())
	attributes.PutEmptyMap("peer").PutStr("service", "api")
	attributes.PutEmptySlice("tags").AppendEmpty().SetStr("a")
	if err := s.push(context.Background(), logs); err != nil {
		t.Fatal(err)
	}
	var places []string
	var document map[string]any
	for place, stored := range server.stored {
		places, document = append(places, place), stored
	}
	if len(places) != 1 || !strings.HasPrefix(places[0], "logs-forge-2026.11.25/") {
		t.Fatalf("stored at %v", places)
	}
	want := map[string]any{
		"@timestamp": "2026-11-25T12:00:00.123456789Z", "observed_timestamp": "2026-11-25T12:01:00.123456789Z",
		"trace_id": "ab000000000000000000000000000001", "span_id": "cd00000000000002",
		"severity": "warn", "severity_number": 13.0, "service": "git", "message": "cloned",
		"resource": map[string]any{"service_name": "git"},
		"attributes": map[string]any{
			"http_route": "/api/v1/repos/{owner}", "http": 1.0, "duration_seconds": 0.25, "odd": "NaN",
			"peer_service": "api", "tags": []any{"a"},
		},
	}
	got, _ := json.Marshal(document)
	expected, _ := json.Marshal(want)
	if string(got) != string(expected) {
		t.Errorf("stored\n%s\nwant\n%s", got, expected)
	}
	if counts.of(t, "created") != 1 {
		t.Error("it was not counted")
	}
}

func TestTheTemplateIsLaidOnceAndBeforeTheFirstRecord(t *testing.T) {
	server := newServer(t)
	s, _ := newTestSender(t, server.URL, func(c *Config) {
		c.Index, c.Replicas = "logs-forge", 1
		c.IndexSettings = map[string]any{"index.analysis.analyzer.thai.type": "standard"}
	})
	server.status = func(body string) int {
		if body == "template" {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	err := s.push(context.Background(), someLogs("one"))
	if err == nil || consumererror.IsPermanent(err) || server.requests != 0 {
		t.Fatalf("a record was sent without the template, or was given up: %v", err)
	}
	server.status = nil
	for range 2 {
		if err := s.push(context.Background(), someLogs("one")); err != nil {
			t.Fatal(err)
		}
	}
	laid := server.templates["logs-forge"]
	if !slices.Equal(laid["index_patterns"].([]any), []any{"logs-forge-*"}) {
		t.Errorf("pattern %v", laid["index_patterns"])
	}
	settings := laid["template"].(map[string]any)["settings"].(map[string]any)
	if settings["index.analysis.analyzer.thai.type"] != "standard" || settings["number_of_replicas"] != 1.0 {
		t.Errorf("settings %v", settings)
	}
}

func TestARefusedTemplateStopsTheRecordsForGood(t *testing.T) {
	server := newServer(t)
	s, _ := newTestSender(t, server.URL, nil)
	server.status = func(string) int { return http.StatusBadRequest }
	if err := s.push(context.Background(), someLogs("one")); !consumererror.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
	if len(server.stored) != 0 {
		t.Error("a record was stored without its template")
	}
}

func TestARecordThatIsSentTwiceIsStoredOnce(t *testing.T) {
	server := newServer(t)
	s, counts := newTestSender(t, server.URL, nil)
	again := someLogs("one", "two")
	// Read again from its file, a record is seen at another time.
	for _, record := range again.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		record.SetObservedTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Hour)))
	}
	for _, logs := range []plog.Logs{someLogs("one", "two"), again} {
		if err := s.push(context.Background(), logs); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.messages(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("stored %v", got)
	}
	if counts.of(t, "created") != 2 || counts.of(t, "duplicate") != 2 {
		t.Errorf("counted %d created, %d duplicate", counts.of(t, "created"), counts.of(t, "duplicate"))
	}
}

func TestRecordsThatDifferInAnythingAreAllStored(t *testing.T) {
	server := newServer(t)
	s, _ := newTestSender(t, server.URL, nil)
	logs := someLogs("same", "same", "same")
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.At(1).SetTimestamp(records.At(0).Timestamp())
	records.At(1).Attributes().PutInt("log.file.record_offset", 100)
	records.At(2).SetTimestamp(records.At(0).Timestamp() + 1)
	if err := s.push(context.Background(), logs); err != nil {
		t.Fatal(err)
	}
	if len(server.stored) != 3 {
		t.Errorf("stored %d of 3", len(server.stored))
	}
}

func TestOnlyWhatMayPassLaterIsSentAgain(t *testing.T) {
	server := newServer(t)
	s, counts := newTestSender(t, server.URL, nil)
	answers := map[string]int{"busy": 429, "broken": 503, "odd": 400, "unsupported": 404}
	server.item = func(document map[string]any) int { return answers[document["message"].(string)] }
	err := s.push(context.Background(), someLogs("good", "busy", "odd", "broken", "unsupported"))
	var again consumererror.Logs
	if !errors.As(err, &again) || consumererror.IsPermanent(err) {
		t.Fatalf("got %v", err)
	}
	var left []string
	for _, record := range again.Data().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		left = append(left, record.Body().Str())
	}
	if !slices.Equal(left, []string{"busy", "broken"}) {
		t.Errorf("to be sent again: %v", left)
	}
	if counts.of(t, "created") != 1 || counts.of(t, "refused") != 2 || counts.of(t, "retried") != 2 {
		t.Error("not counted as they went")
	}
	answers = nil
	if err := s.push(context.Background(), again.Data()); err != nil {
		t.Fatal(err)
	}
	if got := server.messages(); !slices.Equal(got, []string{"broken", "busy", "good"}) {
		t.Errorf("stored %v", got)
	}
}

func TestAServerThatIsBusyIsGivenItsTime(t *testing.T) {
	server := newServer(t)
	s, _ := newTestSender(t, server.URL, nil)
	if err := s.push(context.Background(), someLogs("first")); err != nil {
		t.Fatal(err)
	}
	server.status = func(string) int { return http.StatusTooManyRequests }
	err := s.push(context.Background(), someLogs("a secret"))
	var again consumererror.Logs
	if !errors.As(err, &again) || again.Data().LogRecordCount() != 1 {
		t.Fatalf("got %v", err)
	}
	if want := exporterhelper.NewThrottleRetry(errors.New(""), 7*time.Second).Error(); !strings.Contains(err.Error(), want) {
		t.Errorf("it does not wait as long as it was told: %v", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Error("an error quotes the record")
	}
}

func TestARequestThatIsRefusedIsNotSentAgain(t *testing.T) {
	server := newServer(t)
	s, counts := newTestSender(t, server.URL, nil)
	if err := s.push(context.Background(), someLogs("first")); err != nil {
		t.Fatal(err)
	}
	server.status = func(string) int { return http.StatusUnauthorized }
	if err := s.push(context.Background(), someLogs("x", "y")); !consumererror.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
	if counts.of(t, "refused") != 2 {
		t.Errorf("counted %d refused", counts.of(t, "refused"))
	}
}

func TestAServerThatIsAwayIsTriedAgain(t *testing.T) {
	server := newServer(t)
	s, _ := newTestSender(t, server.URL, nil)
	server.Close()
	if err := s.push(context.Background(), someLogs("x")); err == nil || consumererror.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestATooLargeRequestIsHalved(t *testing.T) {
	server := newServer(t)
	s, counts := newTestSender(t, server.URL, nil)
	server.status = func(body string) int {
		if strings.Count(body, "\n") > 2*2 || strings.Contains(body, "giant") {
			return http.StatusRequestEntityTooLarge
		}
		return 0
	}
	err := s.push(context.Background(), someLogs("a", "b", "c", "giant", "d", "e"))
	if got := server.messages(); !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("stored %v", got)
	}
	if !consumererror.IsPermanent(err) || counts.of(t, "refused") != 1 {
		t.Errorf("what no server can take is given up and counted: %v, %d", err, counts.of(t, "refused"))
	}
}

func TestRequestsKeepBelowTheirLimit(t *testing.T) {
	server := newServer(t)
	s, _ := newTestSender(t, server.URL, func(c *Config) { c.MaxRequestBytes = 2000 })
	server.status = func(body string) int {
		if body != "template" && len(body) > 2000 && strings.Count(body, "\n") > 2 {
			t.Errorf("%d bytes in one request", len(body))
		}
		return 0
	}
	messages := make([]string, 20)
	for at := range messages {
		messages[at] = fmt.Sprintf("%02d%s", at, strings.Repeat("x", 200))
	}
	messages[7] = strings.Repeat("y", 5000)
	if err := s.push(context.Background(), someLogs(messages...)); err != nil {
		t.Fatal(err)
	}
	slices.Sort(messages)
	if !slices.Equal(server.messages(), messages) || server.requests < 4 {
		t.Errorf("stored %d records in %d requests", len(server.stored), server.requests)
	}
}

func TestAnAnswerThatIsNoneIsTriedAgain(t *testing.T) {
	for _, answer := range []string{"", "<html>", `{"items":[]}`, `{"items":[{}]}`} {
		if outcomes, err := outcomesOf([]byte(answer), 1); err == nil {
			t.Errorf("%q was taken for %v", answer, outcomes)
		}
	}
}

func TestABrokenClockMakesNoIndexOfItsOwn(t *testing.T) {
	seen := pcommon.NewTimestampFromTime(noon)
	for when, want := range map[time.Time]string{
		noon.Add(-24 * time.Hour):        "2026.11.24",
		noon.Add(-8 * 24 * time.Hour):    "2026.11.25",
		time.Unix(1, 0):                  "2026.11.25",
		noon.Add(365 * 24 * time.Hour):   "2026.11.25",
		noon.In(time.FixedZone("", 5e4)): "2026.11.25",
	} {
		if got := day(pcommon.NewTimestampFromTime(when), seen, noon); got != want {
			t.Errorf("%v goes to %s", when, got)
		}
	}
	if got := day(0, 0, noon); got != "2026.11.25" {
		t.Errorf("a record without a time goes to %s", got)
	}
}

func TestAWrongConfigurationIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no endpoint": func(c *Config) { c.ClientConfig.Endpoint = "" },
		"no scheme":   func(c *Config) { c.ClientConfig.Endpoint = "localhost:9200" },
		"no host":     func(c *Config) { c.ClientConfig.Endpoint = "http://" },
		"upper case":  func(c *Config) { c.Index = "Logs" },
		"a wildcard":  func(c *Config) { c.Index = "logs*" },
		"no shard":    func(c *Config) { c.Shards = 0 },
		"no size":     func(c *Config) { c.MaxRequestBytes = 0 },
	} {
		config := createDefaultConfig().(*Config)
		config.ClientConfig.Endpoint = "http://127.0.0.1:9200"
		if err := config.Validate(); err != nil {
			t.Fatal(err)
		}
		change(config)
		if config.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestTheFactoryMakesAnExporterThatRetries(t *testing.T) {
	if err := componenttest.CheckConfigStruct(createDefaultConfig()); err != nil {
		t.Fatal(err)
	}
	server := newServer(t)
	refusals := 2
	server.item = func(map[string]any) int {
		if refusals > 0 {
			refusals--
			return http.StatusTooManyRequests
		}
		return 0
	}
	config := createDefaultConfig().(*Config)
	config.ClientConfig.Endpoint = server.URL
	config.RetryConfig.InitialInterval = time.Millisecond
	config.QueueConfig = configoptional.None[exporterhelper.QueueBatchConfig]()
	exporter, err := NewFactory().CreateLogs(context.Background(), exportertest.NewNopSettings(componentType), config)
	if err != nil {
		t.Fatal(err)
	}
	var host component.Host = componenttest.NewNopHost()
	if err := exporter.Start(context.Background(), host); err != nil {
		t.Fatal(err)
	}
	if err := exporter.ConsumeLogs(context.Background(), someLogs("one", "two", "three")); err != nil {
		t.Fatal(err)
	}
	if err := exporter.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := server.messages(); !slices.Equal(got, []string{"one", "three", "two"}) {
		t.Errorf("stored %v after %d requests", got, server.requests)
	}
}

func TestNamesOfAttributesNeverDependOnTheirOrder(t *testing.T) {
	first, second := pcommon.NewMap(), pcommon.NewMap()
	first.PutStr("a.b", "dot")
	first.PutStr("a_b", "line")
	second.PutStr("a_b", "line")
	second.PutStr("a.b", "dot")
	if !maps.Equal(plain(first), plain(second)) || len(plain(first)) != 1 {
		t.Errorf("%v and %v", plain(first), plain(second))
	}
}
