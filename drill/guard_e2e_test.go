//go:build e2e

package drill

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/drill/ground"
	"github.com/bulkhead-security/bulkhead/model"
)

// only has a ground.
type only struct {
	Launcher
	e *ground.Engine
}

// Ground implements Engines.
func (o only) Ground(context.Context) (*ground.Engine, error) { return o.e, nil }

// TestAttacksSucceed runs the half of each drill that has no guard.
func TestAttacksSucceed(t *testing.T) {
	out, err := exec.Command("../scripts/engine-current").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, bin := range map[string]string{"debian": "", "current": strings.TrimSpace(string(out))} {
		t.Run(name, func(t *testing.T) {
			e, err := ground.Start(t.Context(), ground.Options{Bin: bin})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if t.Failed() {
					text, _ := os.ReadFile(e.Dir + "/dockerd.log")
					_ = os.WriteFile("/tmp/drills-"+name+".log", text, 0o600)
				}
				if err := e.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
			for _, d := range guards() {
				t.Run(d.ID, func(t *testing.T) {
					o, err := half(t.Context(), only{e: e}, d, ControlGuard)
					if err != nil || o.result != model.AttackSucceeded {
						t.Errorf("%s: %v", o.result, err)
					}
				})
			}
		})
	}
}
