package inventory

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func of(t *testing.T, key, data string) *model.FleetObject {
	t.Helper()
	o, ok := Of(&model.Fact{Key: key, Data: []byte(data)})
	if !ok {
		t.Fatalf("%s is no object", key)
	}
	return o
}

func TestKindOf(t *testing.T) {
	for key, want := range map[string]model.ObjectKind{
		"containers/c1": model.ObjectContainer, "images/sha256:aa": model.ObjectImage, "networks/n/1": model.ObjectNetwork,
		"containers": "", "containers/": "", "host/packages": "", "": "", "/x": "",
	} {
		kind, id, ok := KindOf(key)
		if kind != want || ok != (want != "") || ok && string(kind)+"/"+id != key {
			t.Errorf("%q: %s %s %t", key, kind, id, ok)
		}
	}
	if Touched(&model.FactsUpdate{Set: []model.Fact{{Key: "host"}}, Removed: []string{"images"}}) {
		t.Error("nothing of objects changed")
	}
	if !Touched(&model.FactsUpdate{Removed: []string{"images/i"}}) || !Touched(&model.FactsUpdate{Set: []model.Fact{{Key: "networks/n"}}}) {
		t.Error("an object changed")
	}
}

func TestRisks(t *testing.T) {
	if got := Risks(&model.Workload{}); len(got) != 0 {
		t.Error(got)
	}
	all := &model.Workload{
		Privileged: true, Root: true, CapAdd: []string{"CAP_NET_ADMIN"}, Seccomp: "unconfined", DeviceRules: []string{"a"},
		Namespaces: model.Namespaces{PID: "host", Network: "host", IPC: "host"},
		Mounts:     []model.Mount{{Type: "bind", EngineSocket: true}},
	}
	want := []string{
		"privileged", "engine_socket", "host_pid", "host_network", "host_ipc", "devices", "capabilities", "unconfined", "host_paths", "root",
	}
	if d := cmp.Diff(want, Risks(all)); d != "" {
		t.Error(d)
	}
	harmless := &model.Workload{Mounts: []model.Mount{{Type: "bind", ReadOnly: true}, {Type: "volume"}}, Namespaces: model.Namespaces{PID: "private"}}
	if got := Risks(harmless); len(got) != 0 {
		t.Error(got)
	}
}

func TestWhatANodeSaysIsBounded(t *testing.T) {
	long, err := json.Marshal(strings.Repeat("容器", 100_000))
	if err != nil {
		t.Fatal(err)
	}
	var ends []string
	for range 1000 {
		ends = append(ends, `{"network":`+string(long[:2000])+`","ipv4":"10.0.0.1"}`)
	}
	o := of(t, "containers/c", `{"name":`+string(long)+`,"state":`+string(long)+`,"endpoints":[`+strings.Join(ends, ",")+`]}`)
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 4096 || !utf8.ValidString(o.Name) || !strings.HasSuffix(o.Name, "…") || len(o.Networks) != 1 || len(o.Addresses) != 1 {
		t.Errorf("%d bytes: %.300s", len(b), b)
	}
}

func TestWhatCantBeReadIsThere(t *testing.T) {
	for _, data := range []string{"", "null", "7", `{"name":7}`, `{"created":"yesterday"}`} {
		if o := of(t, "containers/"+strings.Repeat("ab", 32), data); o.Name != "abababababab" || o.State != "" {
			t.Errorf("%q: %+v", data, o)
		}
	}
	if o := of(t, "containers/x", `{"name":"a\u0000b"}`); o.Name != "ab" {
		t.Errorf("%q", o.Name) // no database takes it
	}
}

func TestImagesAndNetworks(t *testing.T) {
	i := of(t, "images/sha256:"+strings.Repeat("0", 64), `{"size":7,"digests":["r/x@sha256:aa"],"os":"linux","contents":{"packages":-1},"used_by":["a","b"]}`)
	if i.Name != "r/x@sha256:aa" || i.Used != 2 || i.Packages != -1 || i.Platform != "linux" {
		t.Errorf("%+v", i)
	}
	if i := of(t, "images/sha256:"+strings.Repeat("0", 64), `{}`); i.Name != "000000000000" || i.Platform != "" {
		t.Errorf("%+v", i)
	}
	n := of(t, "networks/n", `{"name":"mesh","driver":"overlay","encrypted":true,"icc":false}`)
	if n.Name != "mesh" || !n.Encrypted || n.Talk != "no" {
		t.Errorf("%+v", n)
	}
	if n := of(t, "networks/n", `{"driver":"macvlan"}`); n.Talk != "" || n.Name != "n" {
		t.Errorf("%+v", n)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("containers/c", []byte(`{"name":"web","workload":{"ports":[{"host_port":1}]}}`))
	f.Add("images/i", []byte(`{"tags":["a"]}`))
	f.Add("networks/n", []byte(`{"icc":true}`))
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		o, ok := Of(&model.Fact{Key: key, Data: data})
		if !ok {
			return
		}
		if o.Name == "" && o.ID != "\x00" || len(o.Name) > mostText || strings.ContainsRune(o.Name, 0) {
			t.Errorf("%q", o.Name)
		}
	})
}
