package guarded

import (
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/config"
)

// TestAlone: what can never be met is said at the start.
func TestAlone(t *testing.T) {
	if err := checkAlone(config.Default().Guard); err != nil {
		t.Error(err)
	}
	for setting, c := range map[string]config.Guard{"guard.step_up": {StepUp: []string{"ContainerExec"}}, "guard.four_eyes": {FourEyes: []string{"ContainerExec"}}} {
		if err := checkAlone(c); err == nil || !strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), "ContainerExec") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
