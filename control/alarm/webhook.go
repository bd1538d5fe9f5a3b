package alarm

import (
	"context"
	"encoding/json"

	"github.com/bulkhead-security/bulkhead/deliver"
)

// webhook posts events, signed as audit records are. Any answer from 200 to 299 says that the receiver has them.
type webhook struct {
	name string
	to   *deliver.Webhook
}

func newWebhook(c Config) (receiver, error) {
	conf, err := deliver.TLS(c.CAFile, "", "")
	if err != nil {
		return nil, err
	}
	key, err := deliver.Secret(c.SecretFile, deliver.LeastKey)
	if err != nil {
		return nil, err
	}
	to, err := deliver.NewWebhook(c.To, key, deliver.Client(conf))
	if err != nil {
		return nil, err
	}
	return &webhook{name: c.Name, to: to}, nil
}

// document is the body.
type document struct {
	Schema   string  `json:"schema"`
	Receiver string  `json:"receiver"`
	Events   []Event `json:"events"`
}

func (w *webhook) send(ctx context.Context, events []Event) error {
	body, err := json.Marshal(document{Schema, w.name, events})
	if err != nil {
		return err
	}
	return w.to.Post(ctx, w.name+"/"+events[0].ID, body)
}

func (w *webhook) split(waiting []Event) [][]Event { return [][]Event{waiting} }
