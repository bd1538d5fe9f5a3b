package export

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Headers of a delivery. The signature is `v1=` and the HMAC-SHA256, in hex, of the timestamp, a full stop and the body.
const (
	HeaderTimestamp = "Bulkhead-Timestamp" // seconds since 1970
	HeaderSignature = "Bulkhead-Signature"
	HeaderDelivery  = "Bulkhead-Delivery" // ORIGIN/FIRST-LAST, the same when it is sent again
)

// webhook posts batches. Any answer from 200 to 299 says that the receiver has them.
type webhook struct {
	url    string
	key    []byte
	client *http.Client
	now    func() time.Time
}

func newWebhook(s Spec) (*webhook, error) {
	if err := https(s.To); err != nil {
		return nil, err
	}
	key, err := s.secret()
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, errors.New("a webhook needs secret_file, a file with the key that deliveries are signed with")
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	return &webhook{url: s.To, key: []byte(key), client: client, now: time.Now}, nil
}

func https(to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return errors.New("the receiver must be an https:// URL")
	}
	return nil
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "bulkhead")
	req.Header.Set(HeaderTimestamp, at)
	req.Header.Set(HeaderSignature, Sign(w.key, at, body))
	req.Header.Set(HeaderDelivery, fmt.Sprintf("%s/%d-%d", d.Origin, d.First, records[len(records)-1].Index))
	res, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)); err != nil {
		return err
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("the webhook answers %s", res.Status)
	}
	return nil
}

// Sign gives the signature of a delivery. A receiver compares it in constant time and refuses old timestamps.
func Sign(key []byte, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(timestamp + "."))
	m.Write(body)
	return "v1=" + hex.EncodeToString(m.Sum(nil))
}

func (w *webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}
