//go:build e2e

package plane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/client"
)

// faultLoad is what goes on while things break: owners change policies, exceptions, labels and the settings of pools, and containers end and start.
type faultLoad struct {
	w    *faultWorld
	stop atomic.Bool
	turn atomic.Int64
	wg   sync.WaitGroup

	mu         sync.Mutex
	acked      []ackedChange
	wrong      []string
	labels     map[string]string // the newest that was acknowledged, by node
	every      map[string]string // how often facts are collected by the newest settings that were acknowledged, by tenant
	containers int               // starts and ends that an engine acknowledged
}

// ackedChange is a change that was acknowledged.
type ackedChange struct {
	tenant, action, name string
	record               string // its place in the audit log; "" for an answer that was kept from before
}

func startFaultLoad(w *faultWorld) *faultLoad {
	l := &faultLoad{w: w, labels: map[string]string{}, every: map[string]string{}}
	for tenant := range w.owners {
		l.each(2*time.Second, func(i int) { l.policy(tenant, i) })
		l.each(time.Second, func(i int) { l.exception(tenant, i) })
		l.each(7*time.Second, func(i int) { l.settings(tenant, i) })
	}
	for _, n := range w.nodes {
		l.each(3*time.Second, func(i int) { l.label(n, i) })
		l.each(1500*time.Millisecond, func(i int) { l.container(n, i) })
	}
	return l
}

// each does something again and again.
func (l *faultLoad) each(pause time.Duration, do func(i int)) {
	l.wg.Go(func() {
		for i := 1; !l.stop.Load() && l.w.t.Context().Err() == nil; i++ {
			do(i)
			time.Sleep(pause)
		}
	})
}

// end stops it. Everything that was begun has an answer then.
func (l *faultLoad) end() { l.stop.Store(true); l.wg.Wait() }

func (l *faultLoad) policy(tenant string, i int) {
	name := fmt.Sprintf("load-%d", i)
	text := fmt.Sprintf("@id(%q)\n@reason(\"made under load\")\nforbid (principal == Bulkhead::User::%q, action == Bulkhead::Action::\"NodeDelete\", resource);\n", name, name)
	l.ask(tenant, "PolicyApply", name, "PolicyService/ApplyPolicies", map[string]any{
		"tenant": tenant, "baseVersion": -1, "note": name, "files": []map[string]string{{"name": "load.cedar", "text": text}},
	})
}

func (l *faultLoad) exception(tenant string, i int) {
	name := fmt.Sprintf("load-%d", i)
	l.ask(tenant, "ExceptionCreate", name, "FindingService/CreateException", map[string]any{"exception": map[string]any{
		"tenant": tenant, "check": "8.1.c/socket-mode", "subject": name, "owner": "somebody", "reason": name, "expires": time.Now().AddDate(0, 0, 30).Format(time.DateOnly),
	}})
}

func (l *faultLoad) label(n *faultNode, i int) {
	value := fmt.Sprint(i)
	if l.ask(n.tenant, "NodeUpdate", n.name+"="+value, "NodeService/UpdateNode", map[string]any{
		"node": map[string]any{"id": n.id, "labels": map[string]string{"load": value}}, "updateMask": "labels",
	}) {
		l.mu.Lock()
		l.labels[n.id] = value
		l.mu.Unlock()
	}
}

// container ends and starts containers, as far as there is an engine.
func (l *faultLoad) container(n *faultNode, i int) {
	ctx, cancel := context.WithTimeout(l.w.t.Context(), 10*time.Second)
	defer cancel()
	cli, err := n.engine.Client()
	if err != nil {
		return
	}
	defer func() { _ = cli.Close() }()
	name := []string{"hardened-alone", "sin-privileged", "sin-env-secret"}[i%3]
	if i/3%2 == 0 {
		_, err = cli.ContainerKill(ctx, name, client.ContainerKillOptions{Signal: "KILL"})
	} else {
		_, err = cli.ContainerStart(ctx, name, client.ContainerStartOptions{})
	}
	if err == nil {
		l.mu.Lock()
		l.containers++
		l.mu.Unlock()
	}
}

// ask asks until there is an answer, with the same idempotency key at whichever replica is next.
func (l *faultLoad) ask(tenant, action, name, method string, body any) bool {
	key := uuid.NewString()
	secret := l.w.owners[tenant].secret()
	end := time.Now().Add(4 * time.Minute)
	for {
		status, record, text := l.post(secret, method, key, body)
		switch {
		case status == http.StatusOK:
			l.mu.Lock()
			l.acked = append(l.acked, ackedChange{tenant, action, name, record})
			l.mu.Unlock()
			return true
		case status != 0 && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests, time.Now().After(end), l.w.t.Context().Err() != nil:
			l.mu.Lock()
			l.wrong = append(l.wrong, fmt.Sprintf("%s %s of %s: %d %s", action, name, tenant, status, text))
			l.mu.Unlock()
			return false
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (l *faultLoad) post(secret, method, key string, body any) (status int, record, text string) {
	s := l.w.replicas[l.turn.Add(1)%int64(len(l.w.replicas))].now.Load()
	ctx, cancel := context.WithTimeout(l.w.t.Context(), 10*time.Second)
	defer cancel()
	b, err := json.Marshal(body)
	if err != nil {
		return http.StatusBadRequest, "", err.Error()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/bulkhead.v1."+method, bytes.NewReader(b))
	if err != nil {
		return http.StatusBadRequest, "", err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Bulkhead-Session", "token")
	req.Header.Set("Idempotency-Key", key)
	res, err := s.Shared().Do(req)
	if err != nil {
		s.Shared().CloseIdleConnections() // one that hangs would hang again
		return 0, "", err.Error()
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, "", err.Error()
	}
	return res.StatusCode, res.Header.Get("Bulkhead-Record"), string(out)
}
