package api_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/testkit"
)

func attributes(span tracetest.SpanStub) map[string]any {
	found := map[string]any{}
	for _, one := range span.Attributes {
		found[string(one.Key)] = one.Value.AsInterface()
	}
	return found
}

func TestOneTraceThroughTheApiToGitAndTheDatabase(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, true)
	s.push(ada, repo, "main", map[string]string{"a": "a"})
	kept := tracetest.NewInMemoryExporter()
	before := otel.GetTracerProvider()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(kept))
	otel.SetTracerProvider(provider)
	t.Cleanup(func() { otel.SetTracerProvider(before); _ = provider.Shutdown(context.Background()) })

	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	s.ask(ada, "GET", "/api/v1/repos/"+repo+"/tree?path=", nil, "traceparent", "00-"+id+"-00f067aa0ba902b7-01", "X-Request-Id", "traced")
	s.ask(nobody, "GET", "/healthz", nil)
	s.ask(nobody, "GET", "/api/v1/nowhere", nil)
	testkit.Eventually(t, "the spans end", func() error {
		if len(kept.GetSpans()) < 4 {
			return errText("not yet")
		}
		return nil
	})
	var server, git, unknown tracetest.SpanStub
	var statements []tracetest.SpanStub
	for _, span := range kept.GetSpans() {
		of := attributes(span)
		switch {
		case span.Name == "GET unmatched":
			unknown = span
		case span.SpanKind == trace.SpanKindServer:
			server = span
		case of["db.system.name"] == "postgresql":
			statements = append(statements, span)
		case of["peer.service"] == "git":
			git = span
		}
		for _, one := range span.Attributes {
			if one.Value.Type() == attribute.STRING && (strings.Contains(one.Value.AsString(), ada.token) || strings.Contains(one.Value.AsString(), repo)) {
				t.Errorf("%s of %s tells of %s", one.Key, span.Name, one.Value.AsString())
			}
		}
		if strings.Contains(span.Name, "healthz") {
			t.Error("a probe has a span")
		}
	}
	of := attributes(server)
	if server.Name != "GET /api/v1/repos/{owner}/{repo}/tree" || of["http.route"] != "/api/v1/repos/{owner}/{repo}/tree" ||
		of["http.request.method"] != "GET" || of["http.response.status_code"] != int64(200) || server.SpanContext.TraceID().String() != id ||
		server.Parent.SpanID().String() != "00f067aa0ba902b7" {
		t.Errorf("%s %v", server.Name, of)
	}
	of = attributes(git)
	if git.Name != "GET" || git.SpanKind != trace.SpanKindClient || git.Parent.SpanID() != server.SpanContext.SpanID() || of["server.address"] != "127.0.0.1" ||
		of["http.response.status_code"] != int64(200) {
		t.Errorf("%s %v", git.Name, of)
	}
	if len(statements) < 2 {
		t.Fatalf("%d statements", len(statements))
	}
	for _, span := range statements {
		of := attributes(span)
		if span.SpanKind != trace.SpanKindClient || span.Parent.SpanID() != server.SpanContext.SpanID() || of["peer.service"] != "postgresql" ||
			of["db.operation.name"] != "SELECT" || !strings.Contains(of["db.query.text"].(string), "$1") || of["server.port"] == nil {
			t.Errorf("%s %v", span.Name, of)
		}
	}
	if attributes(unknown)["http.response.status_code"] != int64(404) {
		t.Errorf("%v", attributes(unknown))
	}
	lines := s.log.of("traced")
	if len(lines) != 1 || lines[0]["trace_id"] != id || lines[0]["span_id"] != server.SpanContext.SpanID().String() {
		t.Error(lines)
	}
}
