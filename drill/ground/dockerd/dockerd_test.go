package dockerd_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/drill/ground/dockerd"
)

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	args, err := dockerd.Command("/usr/sbin/dockerd", dir, map[string]any{"icc": false})
	if err != nil {
		t.Fatal(err)
	}
	if args[0] != "/usr/sbin/dockerd" || !strings.Contains(strings.Join(args, " "), "-H unix://"+dockerd.Socket(dir)) {
		t.Errorf("%q", args)
	}
	for _, a := range args[1:] { // nothing of the host's own engine
		if filepath.IsAbs(a) && !strings.HasPrefix(a, dir) {
			t.Errorf("%s is not below %s", a, dir)
		}
	}
	file := filepath.Join(dir, "daemon.json")
	text, err := os.ReadFile(file)
	var settings map[string]any
	if err != nil || json.Unmarshal(text, &settings) != nil || settings["icc"] != false || len(settings) != 1 {
		t.Errorf("%v %s", err, text)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", err, info)
	}
	if _, err := dockerd.Command("/usr/sbin/dockerd", dir, nil); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "{}" {
		t.Errorf("%v %s", err, text)
	}
	if _, err := dockerd.Command("/usr/sbin/dockerd", filepath.Join(dir, "none"), nil); err == nil {
		t.Error("settings in no directory")
	}
}

func TestWaitForOneThatEnded(t *testing.T) {
	dir, ended := t.TempDir(), make(chan struct{})
	if err := os.WriteFile(dockerd.Log(dir), []byte(strings.Repeat("x", 5000)+"no space left on device\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	close(ended)
	err := dockerd.Wait(t.Context(), dir, ended)
	if err == nil || !strings.HasSuffix(err.Error(), "no space left on device") || len(err.Error()) > 1600 {
		t.Error(err)
	}
}
