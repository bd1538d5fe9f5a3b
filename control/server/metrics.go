package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are what the server counts, in a registry of its own. Labels come from the schema and never from callers.
type Metrics struct {
	registry    *prometheus.Registry
	calls       *prometheus.HistogramVec // by method and code
	requests    *prometheus.HistogramVec // by class of status
	running     prometheus.Gauge
	connections prometheus.Gauge
	refused     prometheus.Counter
}

// NewMetrics makes the registry.
func NewMetrics() *Metrics {
	buckets := []float64{.001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 10}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_api_call_seconds", Help: "Calls of the API, by method and code.", Buckets: buckets,
		}, []string{"method", "code"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_http_request_seconds", Help: "HTTP requests, by protocol and class of status.", Buckets: buckets,
		}, []string{"protocol", "status"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bulkhead_http_requests_running", Help: "HTTP requests that run now.",
		}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bulkhead_connections", Help: "Connections that are open now.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bulkhead_connections_refused_total", Help: "Connections closed because there were too many.",
		}),
	}
	m.registry.MustRegister(m.calls, m.requests, m.running, m.connections, m.refused,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge adds a value that is asked for when somebody reads the metrics.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Labelled adds a value for each of something, and gives what sets it.
func (m *Metrics) Labelled(name, help, label string) func(of string, value float64) {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	m.registry.MustRegister(v)
	return func(of string, value float64) { v.WithLabelValues(of).Set(value) }
}

// Handler serves the metrics; who gets to it is the caller's business.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Interceptor counts calls by method and code. It belongs before the gate, so that refusals count.
func (m *Metrics) Interceptor() connect.Interceptor { return meter{m} }

type meter struct{ m *Metrics }

// Call counts a call. Interceptor does so for all that come to it.
func (m *Metrics) Call(procedure string, start time.Time, err error) {
	code := "ok"
	if err != nil {
		code = connect.CodeOf(err).String()
	}
	m.calls.WithLabelValues(procedure, code).Observe(time.Since(start).Seconds())
}

// WrapUnary implements connect.Interceptor.
func (i meter) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		start := time.Now()
		res, err := next(ctx, r)
		i.m.Call(r.Spec().Procedure, start, err)
		return res, err
	}
}

// WrapStreamingClient implements connect.Interceptor; a server has no use for it.
func (i meter) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (i meter) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, c connect.StreamingHandlerConn) error {
		start := time.Now()
		err := next(ctx, c)
		i.m.Call(c.Spec().Procedure, start, err)
		return err
	}
}

// observed counts a request and writes it down: without query, headers and body, which may have secrets.
func (s *Server) observed(next http.Handler) http.Handler {
	m := s.o.Metrics
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.running.Inc()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer s.writeDown(sw, r, time.Now())
		next.ServeHTTP(sw, r)
	})
}

func (s *Server) writeDown(w *statusWriter, r *http.Request, start time.Time) {
	m, took := s.o.Metrics, time.Since(start)
	m.running.Dec()
	m.requests.WithLabelValues("HTTP/"+strconv.Itoa(r.ProtoMajor), strconv.Itoa(w.status/100)+"xx").Observe(took.Seconds())
	s.o.Log.InfoContext(r.Context(), "request", "method", r.Method, "path", cut(r.URL.Path), "status", w.status,
		"bytes", w.bytes, "took", took, "remote", r.RemoteAddr, "protocol", r.Proto)
}

func cut(s string) string { return s[:min(len(s), 200)] }

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
	wrote  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(code int) {
	if !w.wrote && code >= 200 {
		w.status, w.wrote = code, true
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write implements io.Writer.
func (w *statusWriter) Write(b []byte) (int, error) {
	w.wrote = true
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher, which connect asks for.
func (w *statusWriter) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a client that is gone shows with the next write
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
