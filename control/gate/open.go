package gate

import (
	"fmt"
	"sync"

	"github.com/bulkhead-security/bulkhead/model"
)

// open counts the streams that are open, by identity and by tenant: a rate does not bound what stays.
type open struct {
	mu    sync.Mutex
	count map[string]int
}

// enter counts a stream of the caller in; leave must be called at its end where there is no error. Nodes don't count for their
// tenant: there are as many as there are, and each has one stream.
func (o *open) enter(p model.Principal, each, tenant int) (leave func(), err error) {
	who, where := "i "+p.String(), "t "+p.Tenant
	keys := []string{who, where}
	if p.Type == "Node" {
		keys = keys[:1]
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.count[who] >= each:
		return nil, tooOpen(fmt.Sprintf("you have %d streams open", o.count[who]))
	case len(keys) > 1 && o.count[where] >= tenant:
		return nil, tooOpen(fmt.Sprintf("your tenant has %d streams open", o.count[where]))
	}
	if o.count == nil {
		o.count = map[string]int{}
	}
	for _, k := range keys {
		o.count[k]++
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, k := range keys {
			if o.count[k]--; o.count[k] <= 0 {
				delete(o.count, k)
			}
		}
	}, nil
}

func tooOpen(message string) error {
	return &model.Error{
		Code: model.CodeTooMany, Message: message, Remedy: "End streams that nobody reads; one Watch can follow several kinds of objects.",
	}
}
