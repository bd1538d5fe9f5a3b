package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Manifest is the text that is signed of a report: the digests of its files.
func Manifest(id string, files map[string]model.ReportFile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "bulkhead report\n%s\n", id)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%s sha256:%s %d\n", name, files[name].SHA256, files[name].Size)
	}
	return b.String()
}

// InManifest finds the name of the file with a digest (SHA-256 in hexadecimal) in the text that was signed of a report.
func InManifest(text, id, digest string) (string, bool) {
	lines := strings.Split(text, "\n")
	if len(lines) < 2 || lines[0] != "bulkhead report" || lines[1] != id {
		return "", false
	}
	for _, l := range lines[2:] {
		if f := strings.Fields(l); len(f) == 3 && f[1] == "sha256:"+digest {
			return f[0], true
		}
	}
	return "", false
}
