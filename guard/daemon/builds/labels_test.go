package builds

import (
	"errors"
	"strings"
	"testing"
)

func TestLongLabels(t *testing.T) {
	label := func(instruction string, n int) string {
		return strings.Repeat(instruction+" a="+strings.Repeat("x", 1<<10-1)+"\n", n)
	}
	for text, fine := range map[string]bool{
		label("LABEL", 256): true, label("LABEL", 257): false, label("ONBUILD LABEL", 257): false, label("LABEL", 200) + "FROM b\n" + label("LABEL", 57): false,
	} {
		if _, err := Sources([]byte("FROM a\n" + text)); (err == nil) != fine || err != nil && !(errors.Is(err, ErrRefused) && strings.Contains(err.Error(), "256 KiB")) {
			t.Errorf("%.30q, %d bytes: %v", text, len(text), err)
		}
	}
}
