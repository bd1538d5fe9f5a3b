package alarm

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Schema names the webhook's document.
const Schema = "bulkhead.alarm/v1"

// Event is an event as receivers and jobs have it.
type Event struct {
	ID          string     `json:"id"`
	Tenant      string     `json:"tenant"`
	Node        string     `json:"node,omitempty"`
	NodeName    string     `json:"node_name,omitempty"`
	Time        time.Time  `json:"time"`
	Kind        string     `json:"kind"`
	Severity    string     `json:"severity"`
	Requirement string     `json:"requirement,omitempty"`
	Before      string     `json:"before,omitempty"`
	After       string     `json:"after,omitempty"`
	Text        model.Text `json:"text"`
}

// Limits of an event's parts, in characters: it must fit into a job and into a message of syslog.
const (
	mostField = 256
	mostText  = 2000
)

// Of gives an event as it is sent: what is too long is cut, and lines are joined.
func Of(e model.Event) Event {
	f := func(s string) string { return cut(oneLine(s), mostField) }
	return Event{
		ID: f(e.ID), Tenant: f(e.Tenant), Node: f(e.Node), NodeName: f(e.NodeName), Time: e.Time.UTC(), Kind: f(e.Kind), Severity: f(e.Severity),
		Requirement: f(e.Requirement), Before: f(e.Before), After: f(e.After),
		Text: model.Text{EN: cut(oneLine(e.Text.EN), mostText), ZH: cut(oneLine(e.Text.ZH), mostText)},
	}
}

// Job is what a job has to do: bring one event to one receiver.
type Job struct {
	Receiver string `json:"receiver"`
	Event    Event  `json:"event"`
}

// Encode gives the job's arguments and what makes it unique.
func (j Job) Encode() (args []byte, unique string, err error) {
	args, err = json.Marshal(j)
	if err != nil {
		return nil, "", fmt.Errorf("an alarm as a job: %w", err)
	}
	return args, j.Receiver + "/" + j.Event.ID, nil
}

// DecodeJob reads what Encode wrote.
func DecodeJob(args []byte) (Job, error) {
	var j Job
	if err := json.Unmarshal(args, &j); err != nil {
		return j, fmt.Errorf("an alarm's job: %w", err)
	}
	if j.Receiver == "" || j.Event.ID == "" {
		return j, fmt.Errorf("an alarm's job without receiver or event")
	}
	return j, nil
}

// where is the node, or the tenant where it is about no node.
func (e *Event) where() string {
	name := e.NodeName
	if name == "" {
		name = e.Node
	}
	if name == "" {
		return e.Tenant
	}
	return e.Tenant + "/" + name
}

// sentence is what happened, in a language.
func (e *Event) sentence(lang string) string {
	s := e.Text.In(lang)
	if s == "" {
		s = e.Text.EN
	}
	if s == "" {
		s = e.Kind
		if e.Before != "" || e.After != "" {
			s += ": " + e.change()
		}
	}
	return s
}

func (e *Event) change() string { return e.Before + " → " + e.After }

// sentences are both languages, the preferred one first, without saying the same twice.
func (e *Event) sentences(lang string) []string {
	other := "zh"
	if lang == "zh" {
		other = "en"
	}
	a, b := e.sentence(lang), e.sentence(other)
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// details are an event's fields, a line each.
func (e *Event) details() string {
	var b strings.Builder
	for _, f := range []struct{ name, value string }{
		{"severity", e.Severity},
		{"kind", e.Kind},
		{"time", e.Time.Format(time.RFC3339)},
		{"tenant", e.Tenant},
		{"node", e.NodeName},
		{"node id", e.Node},
		{"requirement", e.Requirement},
		{"change", changeOr(e)},
		{"event", e.ID},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", f.name+":", f.value)
		}
	}
	return b.String()
}

func changeOr(e *Event) string {
	if e.Before == "" && e.After == "" {
		return ""
	}
	return e.change()
}
