package route

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Call is a request as it was understood: the only thing that is judged, and what the engine gets is made of it.
type Call struct {
	Route *Route
	// Version is the version of the API that the caller named; empty where none was.
	Version string
	// Name is the object that the path names, Second what it names after it (a checkpoint).
	Name, Second string
	Query        Query
}

// Refusal is why a request is not one of the table.
type Refusal struct {
	// Status is of HTTP: 400, 404, 405 or 505.
	Status int
	// Field is the part of the request that is at fault, e.g. "path" or "query all".
	Field, Why string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Field + ": " + r.Why }

func refuse(status int, field, format string, args ...any) error {
	return &Refusal{Status: status, Field: field, Why: fmt.Sprintf(format, args...)}
}

// Router finds the route of a request.
type Router struct {
	routes   []compiled
	single   *regexp.Regexp // names of one segment
	many     *regexp.Regexp // names of images and plugins
	versions *regexp.Regexp
}

type compiled struct {
	Route
	segments []string
	wide     bool // its name may have slashes
}

// Longest request targets and names.
const (
	longestTarget = 64 << 10
	longestName   = 512
)

// New makes a router of the table.
func New() *Router {
	r := &Router{
		// What the engine takes for names of containers, volumes and services, and all ids. Networks may have others: they go by id.
		single:   regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`),
		many:     regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.:@-]*(/[a-zA-Z0-9][a-zA-Z0-9_.:@-]*)*$`),
		versions: regexp.MustCompile(`^v([1-9][0-9]?)\.(0|[1-9][0-9]{0,2})$`),
	}
	for _, t := range Table() {
		r.routes = append(r.routes, compiled{
			Route: t, segments: strings.Split(t.Path[1:], "/"), wide: t.On == Image || t.On == Plugin || t.On == Registry,
		})
	}
	return r
}

// Match understands the request line: the method, and the target as it came, e.g. "/v1.41/containers/json?all=1".
func (r *Router) Match(method, target string) (*Call, error) {
	if len(target) > longestTarget {
		return nil, refuse(http.StatusRequestURITooLong, "path", "it has more than %d bytes", longestTarget)
	}
	raw, query, _ := strings.Cut(target, "?")
	path, err := plain(raw)
	if err != nil {
		return nil, err
	}
	segments := strings.Split(path[1:], "/")
	c := &Call{}
	if len(segments) > 1 && looksLikeVersion(segments[0]) {
		if c.Version, err = r.version(segments[0]); err != nil {
			return nil, err
		}
		segments = segments[1:]
	}
	if err := r.find(c, method, segments); err != nil {
		return nil, err
	}
	if c.Version != "" && older(c.Version, c.Route.Since) {
		return nil, refuse(http.StatusNotFound, "path", "version %s of the API has no such call, it came with %s", c.Version, c.Route.Since)
	}
	c.Query, err = parseQuery(c.Route, query)
	return c, err
}

// plain is a path without any other way to write it: percent-encodings of what is not special are taken once.
func plain(raw string) (string, error) {
	if !strings.HasPrefix(raw, "/") {
		return "", refuse(http.StatusBadRequest, "path", "it does not begin with a slash")
	}
	path, err := url.PathUnescape(raw)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "path", "it has a broken percent-encoding")
	}
	for _, s := range strings.Split(path[1:], "/") {
		switch s {
		case "":
			return "", refuse(http.StatusBadRequest, "path", "it has an empty part")
		case ".", "..":
			return "", refuse(http.StatusBadRequest, "path", "it has a part %q", s)
		}
	}
	for _, c := range []byte(path) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`%\?#;"'<>`, c) >= 0 {
			return "", refuse(http.StatusBadRequest, "path", "it has a character that no name of the engine has: %q", c)
		}
	}
	return path, nil
}

// looksLikeVersion says whether the engine would take it for a version: its own pattern is /v{version:[0-9.]+}.
func looksLikeVersion(s string) bool {
	return len(s) > 1 && (s[0] == 'v' || s[0] == 'V') && strings.Trim(s[1:], "0123456789.") == ""
}

func (r *Router) version(s string) (string, error) {
	if !r.versions.MatchString(s) {
		return "", refuse(http.StatusBadRequest, "path", "%q is no version of the API, such as v1.41", s)
	}
	v := s[1:]
	if older(v, OldestVersion) || older(NewestVersion, v) {
		return "", refuse(http.StatusBadRequest, "path", "version %s of the API is not known; %s to %s are", v, OldestVersion, NewestVersion)
	}
	return v, nil
}

// older says whether version a comes before b; every version comes after "".
func older(a, b string) bool {
	if b == "" {
		return false
	}
	ma, na := parts(a)
	mb, nb := parts(b)
	return ma < mb || ma == mb && na < nb
}

func parts(v string) (major, minor int) {
	a, b, _ := strings.Cut(v, ".")
	major, _ = strconv.Atoi(a) // both were checked
	minor, _ = strconv.Atoi(b)
	return major, minor
}

func (r *Router) find(c *Call, method string, segments []string) error {
	var others []string
	for i := range r.routes {
		t := &r.routes[i]
		name, second, ok := t.match(segments)
		if !ok {
			continue
		}
		if t.Method != method {
			others = append(others, t.Method)
			continue
		}
		if err := r.named(t, "path", name); err != nil {
			return err
		}
		if second != "" && !r.single.MatchString(second) {
			return refuse(http.StatusBadRequest, "path", "%q is no name", second)
		}
		c.Route, c.Name, c.Second = &t.Route, name, second
		return nil
	}
	if len(others) > 0 {
		return refuse(http.StatusMethodNotAllowed, "method", "the call takes %s, not %.20q", strings.Join(others, " or "), method)
	}
	return refuse(http.StatusNotFound, "path", "the guard knows no such call of the engine's API; what it does not know it does not pass on")
}

// match holds segments to the route's. A wide name takes as many as there are.
func (t *compiled) match(segments []string) (name, second string, ok bool) {
	want := t.segments
	at := -1
	for i, s := range want {
		if strings.HasPrefix(s, "{") {
			at = i
			break
		}
	}
	extra := len(segments) - len(want)
	if extra < 0 || extra > 0 && (!t.wide || at < 0) {
		return "", "", false
	}
	for i, s := range want {
		from := i
		if at >= 0 && i > at {
			from += extra
		}
		switch {
		case i == at:
			name = strings.Join(segments[i:i+extra+1], "/")
		case strings.HasPrefix(s, "{"):
			second = segments[from]
		case s != segments[from]:
			return "", "", false
		}
	}
	return name, second, true
}

func (r *Router) named(t *compiled, field, name string) error {
	if !strings.Contains(t.Path, "{") {
		return nil
	}
	if len(name) > longestName {
		return refuse(http.StatusBadRequest, field, "a name has more than %d characters", longestName)
	}
	pattern := r.single
	if t.wide {
		pattern = r.many
	}
	if !pattern.MatchString(name) {
		return refuse(http.StatusBadRequest, field, "%.80q is no name and no id of %s", name, t.On)
	}
	return nil
}

// Target is the request's target for the engine, made of what was understood: a version, or none for the newest that the engine has, and the
// object's id in place of the name.
func (c *Call) Target(version, id string) (string, error) {
	path := c.Route.Path
	if i := strings.IndexByte(path, '{'); i >= 0 {
		j := i + strings.IndexByte(path[i:], '}')
		rest := path[j+1:]
		if k := strings.IndexByte(rest, '{'); k >= 0 {
			rest = rest[:k] + c.Second
		}
		path = path[:i] + id + rest
	}
	if version != "" {
		path = "/v" + version + path
	}
	target := (&url.URL{Path: path}).EscapedPath()
	q, err := c.Query.Encode()
	if q != "" {
		target += "?" + q
	}
	return target, err
}
