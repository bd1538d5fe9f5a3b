//go:build e2e

package plane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// checkLogs stops the agents, and compares their audit logs with what the servers have of them; then it stops the servers, and
// verifies theirs.
func (w *faultWorld) checkLogs() {
	keys := map[string]string{}
	var logs struct {
		Logs []struct {
			Origin    string
			PublicKey string `json:"public_key"`
			Problems  []string
		}
	}
	w.admin.ask(&logs, "audit", "logs")
	for _, l := range logs.Logs {
		keys[l.Origin] = l.PublicKey
		if len(l.Problems) > 0 {
			w.t.Errorf("the log %s has problems: %v", l.Origin, l.Problems)
		}
	}
	for _, n := range w.nodes {
		if err := n.signal(syscall.SIGTERM); err != nil {
			w.t.Errorf("the agent of %s: %v", n.name, err)
		}
		select {
		case <-n.ended:
		case <-time.After(30 * time.Second):
			w.t.Errorf("the agent of %s does not stop", n.name)
			n.kill()
		}
		w.checkNodeLog(n, keys["bulkhead/node/"+n.id])
	}
	for _, r := range w.replicas {
		if err := r.now.Load().Stop(); err != nil {
			w.t.Error(err)
		}
		copied := filepath.Join(w.t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(r.dir)); err != nil {
			w.t.Log("copy: ", err) // sockets can't be copied
		}
		w.admin.server = r.now.Load()
		verifyOffline(w.t, w.admin, copied)
	}
}

// checkNodeLog compares a node's log, entry by entry, with the index of the servers.
func (w *faultWorld) checkNodeLog(n *faultNode, key string) {
	copied := filepath.Join(w.t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(n.dir, "audit"))); err != nil {
		w.t.Fatal(err)
	}
	r := w.admin.run("audit", "verify", "--dir", copied, "--key", key, "-o", "json")
	var report audit.Report
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != 0 {
		w.t.Errorf("the log of %s does not verify: %s%s %v", n.name, r.stdout, r.stderr, err)
		return
	}
	entries, err := logEntries(copied, report.Size)
	if err != nil {
		w.t.Errorf("the log of %s: %v", n.name, err)
		return
	}
	w.within("the servers have all of the log of "+n.name, 30*time.Second, func() error {
		var found struct {
			Records []struct {
				Index string
				Event struct{ Metadata struct{ UID string } }
			}
		}
		w.admin.ask(&found, "audit", "search", "--filter", fmt.Sprintf("origin = %q", "bulkhead/node/"+n.id), "--limit", "1000000")
		have := map[string]string{}
		for _, r := range found.Records {
			if _, twice := have[r.Index]; twice {
				return fmt.Errorf("the record %s is there twice", r.Index)
			}
			have[r.Index] = r.Event.Metadata.UID
		}
		if len(have) != len(entries) {
			return fmt.Errorf("the index has %d records, the log %d", len(have), len(entries))
		}
		for i, uid := range entries {
			if have[fmt.Sprint(i)] != uid {
				return fmt.Errorf("the index has %q at %d, the log %q", have[fmt.Sprint(i)], i, uid)
			}
		}
		return nil
	})
	w.t.Logf("the log of %s: %d records", n.name, len(entries))
}

// logEntries are the ids of a log's records, in their order, read from its files.
func logEntries(dir string, size uint64) ([]string, error) {
	var out []string
	for bundle := uint64(0); uint64(len(out)) < size; bundle++ {
		part := layout.PartialTileSize(0, bundle, size)
		b, err := os.ReadFile(filepath.Join(dir, layout.EntriesPath(bundle, part)))
		if os.IsNotExist(err) && part > 0 {
			b, err = os.ReadFile(filepath.Join(dir, layout.EntriesPath(bundle, 0)))
		}
		if err != nil {
			return nil, err
		}
		var entries api.EntryBundle
		if err := entries.UnmarshalText(b); err != nil {
			return nil, err
		}
		for _, raw := range entries.Entries {
			var e struct{ Metadata struct{ UID string } }
			if err := json.Unmarshal(raw, &e); err != nil {
				return nil, err
			}
			out = append(out, e.Metadata.UID)
		}
	}
	return out[:size], nil
}

// postJSON asks once.
func postJSON(ctx context.Context, s *lab.Server, secret, method string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/bulkhead.v1."+method, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Bulkhead-Session", "token")
	res, err := s.Shared().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", method, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(into)
}
