//go:build e2e

package guard

import (
	"regexp"
	"strings"
)

// What differs from one engine or run to the next, with what it is replaced by. The order counts.
var varies = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d)?( UTC)?( m=\S+)?`), "TIME"},
	{regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) .\d \d\d:\d\d:\d\d \d{4}`), "TIME"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`\b[0-9A-Z]{4}(:[0-9A-Z]{4}){11}\b`), "ID"},
	{regexp.MustCompile(`[0-9a-f]{64}`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{10}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-z]{25}\b`), "ID"}, // of swarms
	{regexp.MustCompile(`SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}`), "TOKEN"},
	{regexp.MustCompile(`(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?`), "CERTIFICATE"},
	{regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`), "MAC"},
	{regexp.MustCompile(`(About an? |Less than an? |\d+ )(second|minute|hour)s?( ago)?`), "A WHILE"},
	{regexp.MustCompile(`("?(Pid|SystemTime|NGoroutines|NFd|NEventsListener|LastShare|Index|DataPathPort)"?: ?)"?[^,\s}]+`), "${1}N"},
	{regexp.MustCompile(`(?m)^( *(Goroutines|File Descriptors|System Time|EventsListeners): ).*`), "${1}N"},
	{regexp.MustCompile(`/proc/\d+/`), "/proc/N/"},
	{regexp.MustCompile(`[a-z]+_[a-z]+\d?\b`), "A_NAME"}, // that the engine gives
	{regexp.MustCompile(`(?i)("size": )\d+`), "${1}N"},   // of layers with times in them
	// The guard says whose a thing is that it made.
	{regexp.MustCompile(`"io\.bulkhead\.\w+": ?"[^"]*",\s*`), ""},
	{regexp.MustCompile(`,\s*"io\.bulkhead\.\w+": ?"[^"]*"`), ""},
	{regexp.MustCompile(`\s*"io\.bulkhead\.\w+": ?"[^"]*"\s*`), ""},
	{regexp.MustCompile(`(?m)^\s*(- )?io\.bulkhead\.\w+=\w+\n`), ""},
	{regexp.MustCompile(`io\.bulkhead\.\w+=\w+,`), ""},
	{regexp.MustCompile(`,?io\.bulkhead\.\w+=\w+`), ""},
	// The newest command line now and then says what it could not send any more.
	{regexp.MustCompile(`(?m)^.*Can't add file .* to tar: io: read/write on closed pipe"?\n+`), ""},
	{regexp.MustCompile(`: ?(\{\s*\}|\[\])`), ": null"}, // what is empty may be left out
	{regexp.MustCompile(`,\s*"Labels": null`), ""},
	{regexp.MustCompile(`,\s*"VolumeOptions": ?\{\s*"Labels": null\s*\}`), ""},            // whose a service's volume is
	{regexp.MustCompile(`(?m)^.*error waiting for container: context canceled"?\n+`), ""}, // of 20.10, now and then
	{regexp.MustCompile(` +`), " "},                                                       // tables are as wide as what is in them
}

// ownNames are those of containers, networks and volumes in the scripts.
var ownNames = regexp.MustCompile(`docker-\d+[a-z]{2}-\w+`)

// normal takes out of a text what differs from one engine to the next.
func normal(text string, s *side) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, s.socket, "SOCKET")
	text = strings.ReplaceAll(text, s.engine.Socket, "SOCKET")
	text = strings.ReplaceAll(text, strings.TrimSuffix(s.dir, "/home"), "DIR")
	for _, v := range varies {
		text = v.pattern.ReplaceAllString(text, v.by)
	}
	return text
}
