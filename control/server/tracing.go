package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// TracingOptions say where traces go.
type TracingOptions struct {
	Endpoint string // https://host:4318
	CAFile   string // PEM, beside the system's
	Sample   float64
	Name     string // of this replica
	Version  string
}

// Tracing sends traces of requests and calls over OTLP/HTTP. A receiver that is slow or dead loses traces and delays
// nothing. Spans have methods, codes and times, and nothing of what requests say.
type Tracing struct {
	provider *trace.TracerProvider
}

// NewTracing makes the exporter; it connects when there is something to send.
func NewTracing(ctx context.Context, o TracingOptions) (*Tracing, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("CA of the traces' receiver: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("the system's CAs: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA of the traces' receiver: %s has no certificate", o.CAFile)
		}
		config.RootCAs = pool
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint+"/v1/traces"), otlptracehttp.WithTLSClientConfig(config))
	if err != nil {
		return nil, fmt.Errorf("exporter of traces: %w", err)
	}
	return newTracing(o, trace.WithBatcher(exporter)), nil
}

func newTracing(o TracingOptions, to trace.TracerProviderOption) *Tracing {
	return &Tracing{provider: trace.NewTracerProvider(to,
		// Callers have no say in what is sampled: the root of every trace is here.
		trace.WithSampler(trace.TraceIDRatioBased(o.Sample)),
		trace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "bulkhead"),
			attribute.String("service.instance.id", o.Name),
			attribute.String("service.version", o.Version),
		)),
	)}
}

// Interceptor makes a span of every call. It belongs before the gate.
func (t *Tracing) Interceptor() (connect.Interceptor, error) {
	i, err := otelconnect.NewInterceptor(otelconnect.WithTracerProvider(t.provider), otelconnect.WithoutMetrics(),
		otelconnect.WithPropagator(propagation.TraceContext{}))
	if err != nil {
		return nil, fmt.Errorf("traces of calls: %w", err)
	}
	return i, nil
}

func (t *Tracing) around(next http.Handler) http.Handler {
	return otelhttp.NewHandler(next, "http", otelhttp.WithTracerProvider(t.provider), otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }),
		otelhttp.WithPropagators(propagation.TraceContext{}))
}

// Close sends what is left.
func (t *Tracing) Close(ctx context.Context) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
