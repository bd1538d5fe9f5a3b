package secret

import (
	"strings"
	"testing"
)

// FuzzPlanted plants a secret between two arbitrary texts and expects that it does not come out again.
func FuzzPlanted(f *testing.F) {
	f.Add("RUN apt-get", " && x", uint8(0))
	f.Add(`{"a":"`, `"}`, uint8(1))
	f.Add("a='", "\n", uint8(2))
	f.Add("mysql -p", "://@:=", uint8(3))
	f.Add("curl -u a:", ";;;;", uint8(4))
	f.Add("ENV A=b ", "-----BEGIN ", uint8(5))
	const planted = "Zq7planted9Xw4Secret2Vn8"
	plants := []string{
		"DB_PASSWORD=" + planted, `"password": "` + planted + `"`, "--token " + planted, "https://u:" + planted + "@host/",
		"ghp_" + planted + planted, "Authorization: Bearer " + planted,
	}
	f.Fuzz(func(t *testing.T, before, after string, which uint8) {
		plant := plants[int(which)%len(plants)]
		text := before + "\n" + plant + "\n" + after
		if out, found := New(nil).Text("p", text); strings.Contains(out, planted) || len(found) == 0 {
			t.Errorf("%q came out of %q", planted, text)
		}
		args := []string{before, plant, after}
		if which%6 == 2 {
			args = []string{before, "--token", planted, after}
		}
		if out, _ := New(nil).Args("arg", args); strings.Contains(strings.Join(out, " "), planted) {
			t.Errorf("%q came out of %q: %q", planted, args, out)
		}
	})
}
