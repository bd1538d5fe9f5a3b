package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPolicyOffline(t *testing.T) {
	const good = `@id("bob") @reason("bob reads the log")
permit (principal == Bulkhead::User::"bob", action == Bulkhead::Action::"AuditRead", resource);`
	const tests = `tests:
  - name: bob
    principal: {id: bob}
    action: AuditRead
    resource: {type: Tenant, id: acme}
    expect: `
	for _, tt := range []struct {
		name, verb, cedar, yaml string
		code                    int
		out                     string
	}{
		{"validate", "validate", good, tests + "allow\n", ExitOK, "2 files are right"},
		{"test", "test", good, tests + "allow\n", ExitOK, "1 tests passed"},
		{"a test that fails", "test", good, tests + "refuse\n", ExitNo, "FAILED"},
		{"a wrong policy", "validate", `@id("a") @reason("r") permit (principal, action == Bulkhead::Action::"X", resource);`, tests + "allow\n", ExitNo, "a.cedar:1:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"a.cedar": tt.cedar, "a.test.yaml": tt.yaml} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out, errs bytes.Buffer
			a := &App{Out: &out, Err: &errs, In: strings.NewReader(""), Environ: []string{"HOME=" + dir}}
			if code := a.Run(context.Background(), []string{"policy", tt.verb, dir, "--tenant", "acme"}); code != tt.code || !strings.Contains(out.String(), tt.out) {
				t.Errorf("exit %d: %s%s", code, out.String(), errs.String())
			}
		})
	}
}
