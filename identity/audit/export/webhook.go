package export

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bulkhead-security/bulkhead/deliver"
	"github.com/bulkhead-security/bulkhead/model"
)

// webhook posts batches. Any answer from 200 to 299 says that the receiver has them. Bulkhead-Delivery is ORIGIN/FIRST-LAST.
type webhook struct{ to *deliver.Webhook }

func newWebhook(s Spec) (*webhook, error) {
	key, err := s.secret()
	if err != nil {
		return nil, err
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	to, err := deliver.NewWebhook(s.To, key, client)
	return &webhook{to}, err
}

type delivery struct {
	Origin  string            `json:"origin"`
	First   uint64            `json:"first"`
	Records []json.RawMessage `json:"records"`
}

func (w *webhook) Send(ctx context.Context, records []model.LogRecord) error {
	d := delivery{Origin: records[0].Origin, First: records[0].Index}
	for i := range records {
		text, err := line(&records[i])
		if err != nil {
			return err
		}
		d.Records = append(d.Records, text)
	}
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return w.to.Post(ctx, fmt.Sprintf("%s/%d-%d", d.Origin, d.First, records[len(records)-1].Index), body)
}

func (w *webhook) Close() error {
	w.to.Close()
	return nil
}
