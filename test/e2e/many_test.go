//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// recording is what a real engine answered for one container, to be told 5,000 times by a fake one.
type recording struct {
	answers map[string][]byte // by path without version
	summary map[string]any
	inspect map[string]any
	id      string
}

var versioned = regexp.MustCompile(`^/v[0-9.]+`)

// TestFiveThousandContainers: a fake engine with 5,000 containers, each as a real engine describes one, is read in time,
// and one of them that disappears while it is read is missing, and nothing else.
func TestFiveThousandContainers(t *testing.T) {
	const n, gone = 5000, 1234
	e, _ := engine(t, lab.Debian)
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if err := lab.StartMany(t.Context(), cli, 1); err != nil {
		t.Fatal(err)
	}
	rec := record(t, e.Socket)

	path := filepath.Join(shortDir(t), "fake.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { _ = http.Serve(l, rec.fake(n, gone)) }()

	saved := filepath.Join(t.TempDir(), "snap.json")
	var a answer
	for range 3 { // the machine may be busy at one time
		if a = run(t, binary(t), "assess", "-o", "json", "--engine", "unix://"+path, "--save", saved); a.took <= overall {
			break
		}
	}
	if a.code != 0 {
		t.Fatalf("ended with %d: %s", a.code, a.stderr)
	}
	if a.took > overall {
		t.Errorf("took %s, and more than %s each time", a.took, overall)
	}
	body, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	var snap model.Snapshot
	if err := json.Unmarshal(body, &snap); err != nil {
		t.Fatal(err)
	}
	if len(snap.Containers) != n-1 {
		t.Errorf("%d containers, want %d", len(snap.Containers), n-1)
	}
	for _, g := range snap.Gaps {
		if strings.HasPrefix(g.Path, "/containers") {
			t.Errorf("gap: %+v", g)
		}
	}
}

// record asks a real engine with one container for everything that the product asks.
func record(t *testing.T, socket string) *recording {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) }}}
	get := func(path string) []byte {
		resp, err := client.Get("http://engine" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var raw json.RawMessage
		if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return raw
	}
	rec := &recording{answers: map[string][]byte{}}
	for _, p := range []string{"/info", "/version", "/images/json", "/networks", "/system/df", "/volumes", "/plugins"} {
		rec.answers[p] = get(p)
	}
	var list []map[string]any
	if err := json.Unmarshal(get("/containers/json"), &list); err != nil || len(list) != 1 {
		t.Fatalf("%d containers: %v", len(list), err)
	}
	rec.summary = list[0]
	rec.id = rec.summary["Id"].(string)
	if err := json.Unmarshal(get("/containers/"+rec.id+"/json"), &rec.inspect); err != nil {
		t.Fatal(err)
	}
	return rec
}

// fake answers as an engine with n containers of which one, listed, is gone when it is asked for.
func (rec *recording) fake(n, gone int) http.Handler {
	id := func(i int) string { return fmt.Sprintf("%064x", i+1) }
	index := map[string]int{}
	var list []map[string]any
	for i := range n {
		c := map[string]any{}
		for k, v := range rec.summary {
			c[k] = v
		}
		c["Id"], c["Names"] = id(i), []string{"/" + name(i)}
		list = append(list, c)
		index[id(i)] = i
	}
	all, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := versioned.ReplaceAllString(r.URL.Path, "")
		if ping(w, r) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		parts := strings.Split(strings.Trim(path, "/"), "/")
		switch {
		case path == "/containers/json":
			_, _ = w.Write(all)
		case rec.answers[path] != nil:
			_, _ = w.Write(rec.answers[path])
		case parts[0] == "containers" && len(parts) == 3:
			i, ok := index[parts[1]]
			if !ok || i == gone {
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprintf(w, `{"message":"No such container: %s"}`, parts[1])
				return
			}
			rec.container(w, parts[2], id(i), name(i))
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message":"page not found"}`)
		}
	})
}

func name(i int) string { return fmt.Sprintf("many-%04d", i) }

func (rec *recording) container(w http.ResponseWriter, what, id, name string) {
	switch what {
	case "json":
		c := map[string]any{}
		for k, v := range rec.inspect {
			c[k] = v
		}
		c["Id"], c["Name"] = id, "/"+name
		_ = json.NewEncoder(w).Encode(c)
	case "changes":
		fmt.Fprint(w, `[]`)
	case "top":
		fmt.Fprint(w, `{"Titles":["PID","USER","COMMAND"],"Processes":[["1","1000","sleep"]]}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
