package answers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

func eventsOf(t *testing.T, text string) []happening {
	t.Helper()
	var all []happening
	d := json.NewDecoder(strings.NewReader(text))
	for d.More() {
		var e happening
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestEvents(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		w, err := write(t, e, "EngineEvents", bytes.NewReader(e.text("events")), of("blue"), false)
		if err != nil {
			t.Fatal(err)
		}
		text := w.Body.String()
		for _, word := range []string{"red-web", "red-api", "svc-red", "net-red", "vol-red", "user-red"} {
			if strings.Contains(text, word) {
				t.Errorf("events tell of %s", word)
			}
		}
		got := map[string]int{}
		for _, e := range eventsOf(t, text) {
			got[e.Type+" "+e.Action]++
		}
		// blue-api is gone, net-blue and vol-blue are there; connections of blue's containers to the bridge, which is the host's, are not shown.
		for _, want := range []string{"container destroy", "container rename", "container exec_die", "network connect", "volume mount", "service create", "secret create", "config create", "network create"} {
			if got[want] == 0 {
				t.Errorf("no %s in %v", want, got)
			}
		}
		for _, e := range eventsOf(t, text) {
			if e.Type == "node" || e.Type == "volume" && e.Actor.ID == "v2" {
				t.Errorf("%+v can't be attributed", e)
			}
		}
	})
}

func TestWhoSeesAllGetsAllEvents(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		f, err := New(e, e)
		if err != nil {
			t.Fatal(err)
		}
		for _, sequence := range []bool{false, true} {
			text := e.text("events")
			if sequence {
				text = bytes.ReplaceAll(append([]byte{0x1e}, bytes.TrimSuffix(text, []byte("\n"))...), []byte("\n"), []byte("\n\x1e"))
				text = append(text, '\n')
			}
			w := httptest.NewRecorder()
			res := &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(text)), Header: http.Header{}}
			if err := f.Write(t.Context(), w, &call.Ask{Call: &route.Call{Route: routeOf(t, "EngineEvents")}}, res, everything, func() bool { return true }); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(w.Body.Bytes(), text) {
				t.Errorf("%d bytes of %d", w.Body.Len(), len(text))
			}
		}
	})
}

// changing is an engine whose volume is another's after a while.
type changing struct{ now *call.Object }

// Find implements Finder.
func (c *changing) Find(context.Context, route.Object, string) (*call.Object, error) {
	return c.now, nil
}

// Get implements Engine.
func (c *changing) List(context.Context, string, func(*jsontext.Decoder) error) (int, error) {
	return 0, io.EOF
}

func TestVolumesCanBeOthersLater(t *testing.T) {
	c := &changing{&call.Object{Kind: route.Volume, ID: "v", Name: "v", Tenant: "red"}}
	f, err := New(c, c)
	if err != nil {
		t.Fatal(err)
	}
	sees := func(action, tenant string) bool {
		t.Helper()
		w := httptest.NewRecorder()
		res := &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"Type":"volume","Action":"` + action + `","Actor":{"ID":"v"}}` + "\n")), Header: http.Header{}}
		if err := f.Write(t.Context(), w, &call.Ask{Call: &route.Call{Route: routeOf(t, "EngineEvents")}}, res, of(tenant), func() bool { return false }); err != nil {
			t.Fatal(err)
		}
		return w.Body.Len() > 0
	}
	if !sees("create", "red") || sees("create", "blue") {
		t.Error("it is red's")
	}
	c.now = nil
	if !sees("destroy", "red") || sees("destroy", "blue") {
		t.Error("it was red's")
	}
	c.now = &call.Object{Kind: route.Volume, ID: "v", Name: "v", Tenant: "blue"}
	if !sees("create", "blue") || sees("mount", "red") {
		t.Error("it is blue's now")
	}
	c.now = nil
	if sees("destroy", "red") || !sees("destroy", "blue") {
		t.Error("it was blue's")
	}
	if sees("create", "red") || sees("create", "blue") || sees("destroy", "blue") {
		t.Error("nobody knows whose it was")
	}
}

func TestMuchIsNotRemembered(t *testing.T) {
	f, err := New(&changing{}, &changing{})
	if err != nil {
		t.Fatal(err)
	}
	f.Remember(&call.Object{Kind: route.Volume, ID: "v", Labels: map[string]string{"a": strings.Repeat("b", mostLabels)}})
	f.Remember(nil)
	for i := range mostKnown * 2 {
		f.Remember(&call.Object{Kind: route.Container, ID: strings.Repeat("a", i%600) + string(rune(i))})
	}
	if f.known.Len() > mostKnown {
		t.Error(f.known.Len())
	}
	if o, err := f.lookup(t.Context(), route.Volume, "v"); o != nil || err != nil {
		t.Error(o, err)
	}
}
