package telemetry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
)

// Transport makes a span and a measurement of every request to another service, and hands the trace on to it.
type Transport struct {
	Service string // git, search or s3
	Foreign bool   // not one of ours: it gets no trace and no request id
	Next    http.RoundTripper
	Metrics *metrics.Metrics
}

// RoundTrip sends a request; its span ends with the body of the answer.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	method := metrics.Method(request.Method)
	port, _ := strconv.Atoi(request.URL.Port())
	ctx, span := Tracer().Start(request.Context(), method,
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("http.request.method", method),
			attribute.String("server.address", request.URL.Hostname()),
			attribute.Int("server.port", port),
			attribute.String("peer.service", t.Service),
		))
	request = request.Clone(ctx)
	if !t.Foreign {
		for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
			request.Header.Del(name)
		}
		Propagator.Inject(ctx, propagation.HeaderCarrier(request.Header))
		if id := RequestID(ctx); id != "" {
			request.Header.Set("X-Request-Id", id)
		}
	}
	sent := &outgoing{transport: t, method: method, span: span, started: time.Now()}
	response, err := t.Next.RoundTrip(request)
	if err != nil {
		sent.end(0, err)
		return nil, err
	}
	sent.status = response.StatusCode
	if _, upgraded := response.Body.(io.Writer); upgraded {
		sent.end(response.StatusCode, nil)
		return response, nil
	}
	response.Body = &observed{ReadCloser: response.Body, sent: sent}
	return response, nil
}

type outgoing struct {
	transport *Transport
	method    string
	span      trace.Span
	started   time.Time
	status    int
	once      sync.Once
}

func (o *outgoing) end(status int, err error) {
	o.once.Do(func() {
		o.transport.Metrics.Outgoing(o.method, status, o.transport.Service, time.Since(o.started))
		if status > 0 {
			o.span.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		switch {
		case err != nil && errors.Is(err, context.Canceled):
			o.span.SetAttributes(attribute.String("error.type", "cancelled"))
			o.span.SetStatus(codes.Error, "")
		case err != nil:
			o.span.SetAttributes(attribute.String("error.type", "connection"))
			o.span.SetStatus(codes.Error, "")
		case status >= 400:
			o.span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
			o.span.SetStatus(codes.Error, "")
		}
		o.span.End()
	})
}

type observed struct {
	io.ReadCloser
	sent *outgoing
}

func (o *observed) Read(into []byte) (int, error) {
	n, err := o.ReadCloser.Read(into)
	if err == io.EOF {
		o.sent.end(o.sent.status, nil)
	} else if err != nil {
		o.sent.end(o.sent.status, err)
	}
	return n, err
}

func (o *observed) Close() error {
	err := o.ReadCloser.Close()
	o.sent.end(o.sent.status, nil)
	return err
}
