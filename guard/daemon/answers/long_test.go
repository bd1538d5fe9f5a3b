package answers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// crowded is an engine whose lists are long with what red made.
type crowded struct{ engine }

const crowd = 20

func crowdID(n int) string { return fmt.Sprintf("%064d", n) }

func container(n int, tenant string, size int) string {
	return fmt.Sprintf(`{"Id":"%s","Names":["/c%d"],"State":"running","SizeRw":3,"Labels":{"io.bulkhead.tenant":"%s","x":"%s"}}`,
		crowdID(n), n, tenant, strings.Repeat("x", size))
}

// containers are crowd of red's and one of blue's, as a reader: they are never in memory together.
func containers(size int) io.Reader {
	list := []io.Reader{strings.NewReader("[")}
	red := strings.Repeat("x", size)
	for n := range crowd {
		list = append(list, strings.NewReader(strings.Replace(container(n, "red", 0), `"x":"`, `"x":"`+red, 1)+","))
	}
	return io.MultiReader(append(list, strings.NewReader(container(crowd, "blue", 1)+"]"))...)
}

func (crowded) List(_ context.Context, target string, each func(*jsontext.Decoder) error) (int, error) {
	if target == "/images/json" {
		return http.StatusOK, nil
	}
	return http.StatusOK, forward.Elements(containers(4<<20), each)
}

func writeCrowded(t *testing.T, action route.Action, body io.Reader, sees Sees) (*httptest.ResponseRecorder, error) {
	t.Helper()
	f, err := New(crowded{}, crowded{})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	err = f.Write(t.Context(), w, &call.Ask{Call: &route.Call{Route: routeOf(t, action)}},
		&http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body)}, sees, func() bool { return false })
	return w, err
}

// TestLongLists: what others have on the host, however long it is, keeps nobody from an answer about the own part.
func TestLongLists(t *testing.T) {
	w, err := writeCrowded(t, "EngineInfo", strings.NewReader(`{"Containers":21,"ContainersRunning":21}`), of("blue"))
	if got := w.Body.String(); err != nil || got != `{"Containers":1,"ContainersRunning":1}` {
		t.Errorf("info: %v %s", err, got)
	}
	var members []string
	for n := range crowd + 1 {
		members = append(members, fmt.Sprintf(`"%s":{"Name":"c%d"}`, crowdID(n), n))
	}
	w, err = writeCrowded(t, "NetworkInspect", strings.NewReader(`{"Containers":{`+strings.Join(members, ",")+`}}`), of("blue"))
	if got := w.Body.String(); err != nil || got != `{"Containers":{`+members[crowd]+`}}` {
		t.Errorf("network: %v %s", err, got)
	}
	for _, form := range []struct{ before, after, want string }{
		{`{"LayersSize":9,"Images":null,"Containers":`, `,"Volumes":[]}`, `{"LayersSize":9,"Images":null,"Containers":[%s],"Volumes":[]}`},
		{`{"ContainerUsage":{"ActiveCount":21,"Items":`, `,"TotalCount":21,"TotalSize":63}}`, `{"ContainerUsage":{"ActiveCount":1,"Items":[%s],"TotalCount":1,"TotalSize":3}}`},
	} {
		body := func() io.Reader {
			return io.MultiReader(strings.NewReader(form.before), containers(4<<20), strings.NewReader(form.after+"\n"))
		}
		w, err = writeCrowded(t, "EngineDiskUsage", body(), of("blue"))
		if want := fmt.Sprintf(form.want, container(crowd, "blue", 1)) + "\n"; err != nil || w.Body.String() != want {
			t.Errorf("%v, %.300s", err, w.Body)
		}
		if w, err = writeCrowded(t, "EngineDiskUsage", body(), of("red")); err == nil || w.Body.Len() > 0 {
			t.Errorf("there is no bound for what is one's own: %d bytes", w.Body.Len())
		}
	}
}

// TestTurns: one account has half of the turns, whatever it asks, and all together have no more than there are.
func TestTurns(t *testing.T) {
	turns := newTurns()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	take := func(account string) func() {
		release, err := turns.take(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	none := func(account string) {
		t.Helper()
		// A place that is free is taken now and then also by who is gone.
		for range 20 {
			release, err := turns.take(gone, account)
			if err == nil {
				release()
				t.Errorf("%s has one turn more", account)
			} else if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	}
	red := []func(){take("red"), take("red")}
	none("red")
	blue := []func(){take("blue"), take("blue")}
	none("green")
	red[0]()
	take("green")()
	take("red")()
	for _, release := range append(blue, red[1]) {
		release()
	}
	if len(turns.each) != 0 || len(turns.all) != 0 {
		t.Errorf("left: %v %d", turns.each, len(turns.all))
	}
}
