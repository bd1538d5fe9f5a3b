package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestServerPaths(t *testing.T) {
	s := Server{DataDir: "/data"}
	if s.Dir(nil) != "/data" || s.MasterKey(nil) != "/data/master.key" {
		t.Error(s.Dir(nil), s.MasterKey(nil))
	}
	s = Server{MasterKeyFile: "/k"}
	want := "/h/.local/share/bulkhead"
	if os.Geteuid() == 0 {
		want = "/var/lib/bulkhead"
	}
	if got := s.Dir([]string{"HOME=/h", "XDG_DATA_HOME=relative"}); got != want || s.MasterKey(nil) != "/k" {
		t.Error(got, s.MasterKey(nil))
	}
}

func TestDatabaseURL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p@ss/word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ database, file, want string }{
		{"", "", ""},
		{"", file, ""},
		{"postgres://u@h/d", "", "postgres://u@h/d"},
		{"postgres://u@h/d?sslmode=require", file, "postgres://u:p%40ss%2Fword@h/d?sslmode=require"},
	} {
		s := Server{Database: c.database, DatabasePasswordFile: c.file}
		if got, err := s.DatabaseURL(); err != nil || got != c.want {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	s := Server{Database: "postgres://h/d", DatabasePasswordFile: file + "x"}
	if _, err := s.DatabaseURL(); err == nil {
		t.Error("a missing file of the password is no error")
	}
}
