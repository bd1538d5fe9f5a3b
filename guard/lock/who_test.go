package lock

import "testing"

func TestCaller(t *testing.T) {
	for _, c := range []struct{ login, sudo, want string }{
		{"", "", "root"},
		{"ada", "", "ada (login)"},
		{"ada", "ada", "ada (login)"},
		{"ada", "bob", "ada (login), as bob (claimed by SUDO_USER)"},
		{"", "bob", "bob (claimed by SUDO_USER)"},
		{"", "b\x1b[2Jo\nb", "b??2Jo?b (claimed by SUDO_USER)"},
		{"", "a\u202eb\u2066c\ufeffd", "a?b?c?d (claimed by SUDO_USER)"},
		{"", `ACME\ada.l+x-1_y$@example`, `ACME\ada.l+x-1_y$@example (claimed by SUDO_USER)`},
	} {
		if got := caller(c.login, c.sudo); got != c.want {
			t.Errorf("%q, %q: %q", c.login, c.sudo, got)
		}
	}
}

func FuzzStartTicks(f *testing.F) {
	f.Add([]byte("7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123 1 1"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if n, err := startTicks(stat); err == nil && n == 0 {
			t.Error("a process that began at nothing")
		}
	})
}
