package judge

import (
	"fmt"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// longestLabels is how long the labels of one call may be together: they are in lists of the whole host, which the engine makes for everybody.
// Parameters are shorter anyway.
const longestLabels = 256 << 10

// bounded refuses a call whose labels are longer.
func bounded(a *call.Ask) error {
	all := labelsOf(a.Body)
	if c, is := a.Body.(*container.Config); is { // of an image that is made of a container
		all = append(all, labelled{labels: &c.Labels, field: "/Labels"})
	}
	size := 0
	for _, l := range all {
		for k, v := range *l.labels {
			if size += len(k) + len(v); size > longestLabels {
				return fmt.Errorf("%s: labels have more than %d KiB together", l.field, longestLabels>>10)
			}
		}
	}
	return nil
}
