//go:build e2e

package plane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// BenchmarkAuditedDecisions decides and records, each record in the log before the next decision of the same caller.
func BenchmarkAuditedDecisions(b *testing.B) {
	const long = 10 * time.Second
	engine, log := doors(b)
	for b.Loop() {
		var n atomic.Int64
		ctx, cancel := context.WithTimeout(b.Context(), long)
		var wg sync.WaitGroup
		for range 512 {
			wg.Go(func() {
				for ctx.Err() == nil {
					r := model.Request{
						Principal: model.Principal{
							Ref: model.Ref{Type: "User", ID: "u1"}, Tenant: "acme", Roles: []string{model.RoleOwner},
							Auth: model.Strength{MFA: true, Time: time.Now(), FactorTime: time.Now()},
						},
						Action:   "UserList",
						Resource: model.Object{Ref: model.Ref{Type: "Tenant", ID: "acme"}, Parents: []model.Ref{{Type: model.TypeSystem, ID: model.SystemID}}, Attrs: map[string]any{"tenant": model.Ref{Type: "Tenant", ID: "acme"}}},
						Time:     time.Now(),
					}
					d := engine.Decide(ctx, r)
					if !d.Allowed && ctx.Err() != nil {
						return // the time was over in the middle of it
					}
					if !d.Allowed {
						b.Errorf("refused: %s", d.Reason)
						return
					}
					_, err := log.Append(b.Context(), model.Record{
						ID: uuid.Must(uuid.NewV7()).String(), Time: r.Time, Actor: "u1", Tenant: "acme", Action: r.Action, Resource: r.Resource.Ref,
						Outcome: model.OutcomeAllowed, Policies: d.Policies, Request: &r,
					})
					if err != nil {
						b.Error(err)
						return
					}
					n.Add(1)
				}
			})
		}
		start := time.Now()
		wg.Wait()
		cancel()
		b.ReportMetric(float64(n.Load())/time.Since(start).Seconds(), "decisions/s")
	}
}

// doors are what decides and what records.
func doors(b *testing.B) (*authz.Engine, *audit.Log) {
	b.Helper()
	engine, err := authz.New(authz.Options{})
	if err != nil {
		b.Fatal(err)
	}
	secret, _, err := note.GenerateKey(nil, "bulkhead/bench")
	if err != nil {
		b.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		b.Fatal(err)
	}
	log, err := audit.Open(b.Context(), audit.Options{Dir: b.TempDir(), Origin: "bulkhead/bench", Signer: signer, Batch: 256, BatchAge: 50 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := log.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return engine, log
}

// BenchmarkAPI asks the server 500 times a second, as many people and tools would: nine reads to one change. Requests
// are sent when they are due, whether or not those before have been answered.
func BenchmarkAPI(b *testing.B) {
	s := serve(b)
	admin := newPerson(b, s)
	admin.enrol(s.Link, "admin")
	admin.must("tenants", "create", "acme")
	secrets := sessions(b, admin)
	for b.Loop() {
		start := time.Now()
		reads, changes, failed := paced(b.Context(), s, secrets, 500, 20*time.Second)
		took := time.Since(start)
		if len(failed) > 0 {
			b.Fatalf("%d requests failed in %s, the first with %v", len(failed), took, failed[0])
		}
		all := slices.Concat(reads, changes)
		b.ReportMetric(percentile(all, 99), "p99-ms")
		b.ReportMetric(percentile(all, 50), "p50-ms")
		b.ReportMetric(percentile(reads, 99), "read-p99-ms")
		b.ReportMetric(percentile(changes, 99), "change-p99-ms")
		b.ReportMetric(float64(len(all))/took.Seconds(), "requests/s")
	}
}

// percentile is in milliseconds.
func percentile(times []time.Duration, p int) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return float64(sorted[len(sorted)*p/100]) / 1e6
}

// sessions are of four people, since each person has a limit of 200 requests a second, with however many tokens.
func sessions(b *testing.B, admin *person) []string {
	b.Helper()
	var secrets []string
	for i := range 4 {
		name := fmt.Sprintf("bench-%d", i)
		p := newPerson(b, admin.server)
		p.enrol(admin.invite(name, "owner"), name)
		var t struct{ Secret string }
		p.ask(&t, "tokens", "create", "bench", "--scope", "UserList", "--scope", "TenantList", "--scope", "GroupCreate", "--days", "1")
		secrets = append(secrets, t.Secret)
	}
	return secrets
}

// paced sends rate requests a second for a time and gives how long each took, from when it was due. Changes are apart:
// they wait for their record, which waits for a batch of the log.
func paced(ctx context.Context, s *lab.Server, secrets []string, rate int, long time.Duration) (reads, changes []time.Duration, failed []error) {
	var (
		mu sync.Mutex
		wg sync.WaitGroup
	)
	start := time.Now()
	for i := range rate * int(long/time.Second) {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			method, body := "UserService/ListUsers", "{}"
			switch i % 10 {
			case 0:
				method, body = "GroupService/CreateGroup", fmt.Sprintf(`{"group":{"tenant":"acme","name":"g-%d-%d"}}`, start.UnixNano(), i)
			case 1, 2, 3:
				method = "TenantService/ListTenants"
			}
			err := post(ctx, s, secrets[i%len(secrets)], method, body)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, err)
			} else if i%10 == 0 {
				changes = append(changes, took)
			} else {
				reads = append(reads, took)
			}
		})
	}
	wg.Wait()
	return reads, changes, failed
}

func post(ctx context.Context, s *lab.Server, secret, method, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/bulkhead.v1."+method, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+secret)
	res, err := s.Shared().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", method, res.StatusCode, text)
	}
	return err
}
