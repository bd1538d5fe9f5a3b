package solve

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

func TestLongLabels(t *testing.T) {
	one := "LABEL a=" + strings.Repeat("x", 1<<10-1) + "\n"
	for n, fine := range map[int]bool{256: true, 257: false} {
		_, err := Dockerfile(t.Context(), []byte("FROM a\n"+strings.Repeat(one, n)), &call.BuildFile{Platforms: []string{"linux/amd64", "linux/arm64"}}, nil)
		if (err == nil) != fine || err != nil && !errors.Is(err, ErrTooMuch) {
			t.Errorf("%d: %v", n, err)
		}
	}
}
