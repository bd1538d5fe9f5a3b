package deliver

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Headers of a delivery. The signature is `v1=` and the HMAC-SHA256, in hex, of the timestamp, a full stop and the body.
const (
	HeaderTimestamp = "Bulkhead-Timestamp" // seconds since 1970
	HeaderSignature = "Bulkhead-Signature"
	HeaderDelivery  = "Bulkhead-Delivery" // what it is, the same when it is sent again
)

// LeastKey is how many characters the key of a signature has at least.
const LeastKey = 16

// Webhook is a receiver of signed JSON.
type Webhook struct {
	url    string
	key    []byte
	client *http.Client
	now    func() time.Time
}

// NewWebhook makes one for an https:// URL.
func NewWebhook(to, key string, client *http.Client) (*Webhook, error) {
	if err := HTTPS(to); err != nil {
		return nil, err
	}
	if len(key) < LeastKey {
		return nil, errors.New("a webhook needs secret_file, a file with the key that deliveries are signed with")
	}
	return &Webhook{url: to, key: []byte(key), client: client, now: time.Now}, nil
}

// Post sends a body once. Any answer from 200 to 299 says that the receiver has it.
func (w *Webhook) Post(ctx context.Context, delivery string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "bulkhead")
	req.Header.Set(HeaderTimestamp, at)
	req.Header.Set(HeaderSignature, Sign(w.key, at, body))
	req.Header.Set(HeaderDelivery, delivery)
	res, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, mostAnswer)); err != nil {
		return err
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("the webhook answers %s", res.Status)
	}
	return nil
}

// Close ends connections that wait to be used again.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }

// Sign gives the signature of a delivery. A receiver compares it in constant time and refuses old timestamps.
func Sign(key []byte, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(timestamp + "."))
	m.Write(body)
	return "v1=" + hex.EncodeToString(m.Sum(nil))
}
