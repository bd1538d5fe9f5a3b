package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/control/alarm"
	"github.com/bulkhead-security/bulkhead/model"
)

// alarmJob is the kind of the jobs that bring an event to a receiver.
const alarmJob = "alarm"

// enqueuer adds jobs, within the transaction of the context.
type enqueuer interface {
	Enqueue(ctx context.Context, kind string, args []byte, unique string) error
}

// alarms makes jobs of events that somebody wants, and does them.
type alarms struct {
	sender *alarm.Sender
	jobs   enqueuer
}

// newAlarms makes the receivers of the configuration. It reads their files, so that a missing one shows at the start.
func newAlarms(c config.Server, jobs enqueuer, log *slog.Logger) (*alarms, error) {
	o := alarm.Options{Host: c.Name, Log: log}
	for _, a := range c.Alarms {
		o.Receivers = append(o.Receivers, alarm.Config(a))
	}
	s, err := alarm.New(o)
	if err != nil {
		return nil, fmt.Errorf("alarms: %w", err)
	}
	return &alarms{sender: s, jobs: jobs}, nil
}

// raise has an event told to whoever wants it. In a transaction it is told when that commits. The same event again is harmless.
func (a *alarms) raise(ctx context.Context, e model.Event) error {
	for _, name := range a.sender.Matches(e) {
		args, unique, err := alarm.Job{Receiver: name, Event: alarm.Of(e)}.Encode()
		if err != nil {
			return err
		}
		if err := a.jobs.Enqueue(ctx, alarmJob, args, unique); err != nil {
			return fmt.Errorf("an alarm for %s: %w", name, err)
		}
	}
	return nil
}

// worker does the jobs.
func (a *alarms) worker() model.Worker {
	return model.Worker{Kind: alarmJob, Title: "Tell receivers of alarms what happened", RunWith: a.deliver}
}

func (a *alarms) deliver(ctx context.Context, args []byte) (model.Text, error) {
	j, err := alarm.DecodeJob(args)
	if err != nil {
		return model.Text{}, err
	}
	if err := a.sender.Deliver(ctx, j.Receiver, j.Event); err != nil {
		return model.Text{}, fmt.Errorf("event %s (%s): %w", j.Event.ID, j.Event.Kind, err)
	}
	return model.Text{
		EN: fmt.Sprintf("%s has the event %s (%s)", j.Receiver, j.Event.ID, j.Event.Kind),
		ZH: fmt.Sprintf("%s 已收到事件 %s（%s）", j.Receiver, j.Event.ID, j.Event.Kind),
	}, nil
}
