package export

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/bulkhead-security/bulkhead/deliver"
	"github.com/bulkhead-security/bulkhead/model"
)

// otlp sends log records over OTLP/HTTP. The body is the event; what one searches by is in attributes.
type otlp struct {
	exporter *otlploghttp.Exporter
	logger   log.Logger
	made     *collector
}

func newOTLP(s Spec) (*otlp, error) {
	if err := deliver.HTTPS(s.To); err != nil {
		return nil, err
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	token, err := s.secret()
	if err != nil {
		return nil, err
	}
	options := []otlploghttp.Option{
		otlploghttp.WithEndpointURL(s.To), otlploghttp.WithHTTPClient(client), otlploghttp.WithTimeout(sendLimit),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{Enabled: false}), // the exporter above does that
		otlploghttp.WithCompression(otlploghttp.GzipCompression),
	}
	if token != "" {
		options = append(options, otlploghttp.WithHeaders(map[string]string{"Authorization": "Bearer " + token}))
	}
	exporter, err := otlploghttp.New(context.Background(), options...)
	if err != nil {
		return nil, err
	}
	made := &collector{}
	provider := sdk.NewLoggerProvider(
		sdk.WithProcessor(made), sdk.WithAttributeValueLengthLimit(-1),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "bulkhead"))),
	)
	return &otlp{exporter: exporter, logger: provider.Logger("bulkhead/audit"), made: made}, nil
}

func (o *otlp) Send(ctx context.Context, records []model.LogRecord) error {
	o.made.records = o.made.records[:0]
	for i := range records {
		r := &records[i]
		text, err := line(r)
		if err != nil {
			return err
		}
		var l log.Record
		l.SetTimestamp(r.Record.Time)
		l.SetObservedTimestamp(r.Record.Time)
		l.SetEventName("bulkhead.audit")
		l.SetSeverity(log.SeverityInfo)
		if r.Record.Outcome != model.OutcomeAllowed {
			l.SetSeverity(log.SeverityWarn)
		}
		l.SetBody(attribute.StringValue(string(text)))
		l.AddAttributes(
			attribute.String("log.record.uid", r.Record.ID), attribute.String("bulkhead.log", r.Origin), attribute.Int64("bulkhead.index", int64(r.Index)),
			attribute.String("bulkhead.tenant", r.Record.Tenant), attribute.String("bulkhead.action", r.Record.Action),
			attribute.String("bulkhead.outcome", string(r.Record.Outcome)), attribute.String("enduser.id", r.Record.Actor),
		)
		o.logger.Emit(ctx, l)
	}
	return o.exporter.Export(ctx, o.made.records)
}

func (o *otlp) Close() error { return o.exporter.Shutdown(context.Background()) }

// collector takes the SDK's records, which only the SDK can make.
type collector struct{ records []sdk.Record }

// Enabled implements sdk.Processor.
func (c *collector) Enabled(context.Context, sdk.EnabledParameters) bool { return true }

// OnEmit implements sdk.Processor.
func (c *collector) OnEmit(_ context.Context, r *sdk.Record) error {
	c.records = append(c.records, r.Clone())
	return nil
}

// Shutdown implements sdk.Processor.
func (c *collector) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdk.Processor.
func (c *collector) ForceFlush(context.Context) error { return nil }
