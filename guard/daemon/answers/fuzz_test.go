package answers

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// FuzzWrite: whatever an engine answers, who sees everything gets the same values, who sees nothing gets no more than that, and an answer
// that is not well formed is an error.
func FuzzWrite(f *testing.F) {
	actions := []route.Action{
		"ContainerList", "ImageList", "NetworkList", "VolumeList", "ServiceList", "TaskList", "SecretList", "ConfigList", "SwarmNodeList",
		"PluginList", "EngineEvents", "EngineDiskUsage", "EngineInfo", "NetworkInspect", "ContainerInspect",
	}
	for name, action := range recorded() {
		for i, a := range actions {
			if a == action {
				f.Add(uint8(i), engine{f, "current"}.text(name))
				f.Add(uint8(i), engine{f, "debian"}.text(name))
			}
		}
	}
	f.Add(uint8(10), []byte("\x1e{\"Type\":\"container\",\"Actor\":{\"ID\":\"a\",\"Attributes\":{\"io.bulkhead.tenant\":\"blue\"}}}\n"))
	f.Add(uint8(3), []byte(`{"Volumes":[{"Name":"a"}],"Volumes":[{"Name":"b"}],"Warnings":["`+"\xff"+`"]}`))
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		action := actions[int(which)%len(actions)]
		e := engine{t, "debian"}
		all, err := write(t, e, action, bytes.NewReader(text), everything, true)
		none, noneErr := write(t, e, action, bytes.NewReader(text), nothing, false)
		if action == "EngineEvents" {
			if err == nil && noneErr == nil && none.Body.Len() > 0 && bytes.ContainsRune(none.Body.Bytes(), '{') {
				t.Errorf("%q is shown to who sees nothing", none.Body)
			}
			return
		}
		if err != nil {
			return
		}
		if !valid(text) {
			t.Errorf("%q was taken for an answer: %q", text, all.Body)
		}
		if !bytes.Equal(compact(t, all.Body.Bytes()), compact(t, text)) {
			t.Errorf("%q became %q", text, all.Body)
		}
		if noneErr == nil && !valid(none.Body.Bytes()) {
			t.Errorf("%q became %q, which is no JSON", text, none.Body)
		}
	})
}

// valid is what a decoder of the engine's clients takes: as this package does, names that are there twice, and text that is no UTF-8.
func valid(text []byte) bool {
	_, _, err := first(text)
	return err == nil
}

func compact(t *testing.T, text []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return b.Bytes()
}

// FuzzRemember: what an event says of a container decides who sees it, and nothing that a container is called changes that.
func FuzzRemember(f *testing.F) {
	f.Add("name", "web", "red")
	f.Add("image", "blue", "red")
	f.Add("io.bulkhead.tenants", "blue", "")
	f.Fuzz(func(t *testing.T, label, text, tenant string) {
		labels := map[string]string{label: text, call.LabelTenant: tenant}
		line, err := json.Marshal(map[string]any{"Type": "container", "Action": "start", "Actor": map[string]any{"ID": "a", "Attributes": labels}})
		if err != nil {
			t.Fatal(err)
		}
		w, err := write(t, engine{t, "debian"}, "EngineEvents", bytes.NewReader(append(line, '\n')), of("blue"), false)
		if shown := w.Body.Len() > 0; err != nil || shown != (labels[call.LabelTenant] == "blue") {
			t.Errorf("%v: %v %v", labels, shown, err)
		}
	})
}
