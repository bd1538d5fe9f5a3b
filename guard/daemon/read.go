package daemon

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// understand reads what can be seen without the body.
func (d *Door) understand(r *http.Request) (*route.Call, error) {
	if r.ProtoMajor != 1 {
		return nil, &route.Refusal{Status: http.StatusHTTPVersionNotSupported, Field: "protocol", Why: "the engine's API is spoken over HTTP/1.1"}
	}
	c, err := d.router.Match(r.Method, r.RequestURI)
	if err != nil {
		return nil, err
	}
	return c, checkUpgrade(c, r.Header)
}

// checkUpgrade refuses to change to a protocol that the route does not go on with.
func checkUpgrade(c *route.Call, h http.Header) error {
	asked := h.Values("Upgrade")
	if len(asked) == 0 {
		if c.Route.Body == route.HTTP2 {
			return &route.Refusal{Status: http.StatusBadRequest, Field: "Upgrade", Why: "the call goes on in h2c"}
		}
		return nil
	}
	fits := map[route.Body]string{route.Stream: "tcp", route.Socket: "websocket", route.HTTP2: h2c}[c.Route.Body]
	if len(asked) == 1 && fits != "" && strings.EqualFold(asked[0], fits) {
		return nil
	}
	return &route.Refusal{Status: http.StatusBadRequest, Field: "Upgrade", Why: "the call does not go on in another protocol than the engine's own"}
}

// read takes the body of calls that have a JSON one, and makes sure that others have none.
func (d *Door) read(r *http.Request, c *route.Call) (any, error) {
	into := bodyOf(c.Route)
	if into == nil {
		if c.Route.Body == route.Tar || r.ContentLength == 0 {
			return nil, nil
		}
		return nil, &body.Fault{Status: http.StatusBadRequest, Why: "the call has none"}
	}
	present, err := body.Check(r.Header, r.ContentLength)
	if err != nil || !present {
		return nil, err
	}
	text, err := body.Read(r.Body)
	if err != nil {
		return nil, err
	}
	if c.Route.Action == "ContainerCommit" && string(bytes.TrimSpace(text)) == "null" {
		return nil, nil // the container's own configuration; an empty one would be another
	}
	if err := body.Decode(text, into); err != nil {
		return nil, err
	}
	return into, nil
}

func bodyOf(r *route.Route) any {
	if r.Action == "ContainerCreate" {
		return &call.ContainerCreate{}
	}
	return call.BodyOf(r)
}

// apart gives what is judged the types that judges know.
func apart(a *call.Ask) {
	switch b := a.Body.(type) {
	case *call.ContainerCreate:
		a.Body, a.MAC = &b.CreateRequest, b.MacAddress
	case *call.ExecCreate:
		b.Container = "" // nobody reads it
	}
}

// together is the body that the engine gets.
func together(a *call.Ask) any {
	if b, ok := a.Body.(*container.CreateRequest); ok {
		return &call.ContainerCreate{CreateRequest: *b, MacAddress: a.MAC}
	}
	return a.Body
}
