package route

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
)

// Query is what the parameters of a call say. A parameter that is not there is in none of the maps.
type Query struct {
	Bools   map[string]bool
	Ints    map[string]int64
	Texts   map[string]string   // Text and Value
	Lists   map[string][]string // in the order that they came in
	Filters map[string][]string // of the parameter "filters"
}

// Most parameters and filters.
const (
	mostParams  = 200
	mostFilters = 500
)

// parseQuery reads the parameters into one meaning each. The engine takes the first of a repeated one, and any text that is not empty,
// 0, no, false or none for true.
func parseQuery(r *Route, raw string) (Query, error) {
	q := Query{Bools: map[string]bool{}, Ints: map[string]int64{}, Texts: map[string]string{}, Lists: map[string][]string{}}
	values, err := url.ParseQuery(raw)
	if err != nil || strings.Contains(raw, ";") {
		return q, refuse(http.StatusBadRequest, "query", "it is not well formed")
	}
	count := 0
	for name, list := range values {
		kind, ok := r.param(name)
		if !ok {
			return q, refuse(http.StatusBadRequest, "query "+name, "the call has no such parameter that the guard knows")
		}
		if count += len(list); count > mostParams {
			return q, refuse(http.StatusBadRequest, "query", "it has more than %d parameters", mostParams)
		}
		if kind != List && len(list) > 1 {
			return q, refuse(http.StatusBadRequest, "query "+name, "it is there more than once")
		}
		for _, v := range list {
			if strings.ContainsRune(v, 0) {
				return q, refuse(http.StatusBadRequest, "query "+name, "it has a zero byte")
			}
		}
		if err := q.set(kind, name, list); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (r *Route) param(name string) (Type, bool) {
	for _, p := range r.Query {
		if p.Name == name {
			return p.Type, true
		}
	}
	return "", false
}

func (q *Query) set(kind Type, name string, list []string) error {
	first := list[0]
	switch kind {
	case Bool:
		switch strings.ToLower(strings.TrimSpace(first)) {
		case "", "0", "no", "false", "none":
			q.Bools[name] = false
		case "1", "yes", "true", "t", "on":
			q.Bools[name] = true
		default:
			return refuse(http.StatusBadRequest, "query "+name, "it is true or false, not %.40q", first)
		}
	case Int:
		if first == "" {
			return nil // as if it were not there
		}
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return refuse(http.StatusBadRequest, "query "+name, "it is a number, not %.40q", first)
		}
		q.Ints[name] = n
	case List:
		q.Lists[name] = list
	case Filters:
		f, err := readFilters(first)
		if err != nil {
			return err
		}
		q.Filters = f
	case Text, Value:
		q.Texts[name] = first
	}
	return nil
}

// readFilters reads both forms that the engine takes, of which each value counts as set.
func readFilters(text string) (map[string][]string, error) {
	if text == "" {
		return nil, nil
	}
	var lists map[string][]string
	if err := jsonv2.Unmarshal([]byte(text), &lists); err == nil {
		return bounded(lists)
	}
	var sets map[string]map[string]bool
	if err := jsonv2.Unmarshal([]byte(text), &sets); err != nil {
		return nil, refuse(http.StatusBadRequest, "query filters", "they are no filters: %v", err)
	}
	out := map[string][]string{}
	for name, set := range sets {
		for v, on := range set {
			if !on {
				return nil, refuse(http.StatusBadRequest, "query filters", "the value %.40q of %.40q is false, which engines read in different ways", v, name)
			}
			out[name] = append(out[name], v)
		}
	}
	return bounded(out)
}

func bounded(f map[string][]string) (map[string][]string, error) {
	n := 0
	for name, list := range f {
		slices.Sort(list)
		if f[name] = slices.Compact(list); len(list) == 0 {
			delete(f, name)
		}
		n += len(list)
	}
	switch {
	case n > mostFilters:
		return nil, refuse(http.StatusBadRequest, "query filters", "there are more than %d", mostFilters)
	case n == 0:
		return nil, nil
	}
	return f, nil
}

// Narrow adds a filter that the caller did not ask for: what is listed then has it, too.
func (q *Query) Narrow(name, value string) {
	if q.Filters == nil {
		q.Filters = map[string][]string{}
	}
	q.Filters[name] = append(q.Filters[name], value)
}

// Encode writes the parameters, each in one way only.
func (q *Query) Encode() (string, error) {
	out := url.Values{}
	for name, v := range q.Bools {
		out.Set(name, map[bool]string{true: "1", false: "0"}[v])
	}
	for name, v := range q.Ints {
		out.Set(name, strconv.FormatInt(v, 10))
	}
	for name, v := range q.Texts {
		out.Set(name, v)
	}
	for name, list := range q.Lists {
		out[name] = list
	}
	if len(q.Filters) > 0 {
		sets := make(map[string]map[string]bool, len(q.Filters))
		for name, list := range q.Filters {
			sets[name] = make(map[string]bool, len(list))
			for _, v := range list {
				sets[name][v] = true
			}
		}
		b, err := json.Marshal(sets)
		if err != nil {
			return "", fmt.Errorf("filters: %w", err)
		}
		out.Set("filters", string(b))
	}
	return out.Encode(), nil
}
