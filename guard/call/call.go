// Package call has the nouns of the guard: who asks the container engine for what, about which objects, and what a refusal says.
// Doors make an Ask, the judge reads and completes it, and the door sends what it says then and nothing else.
//
// It decides nothing, reads nothing, and knows neither HTTP nor Cedar.
package call

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// Subject is who is at the other end of a connection.
type Subject struct {
	Principal model.Principal
	// Address is where from: "unix:pid=7,uid=1000,gid=1000", or an IP address. UserAgent is what the caller says of itself.
	Address, UserAgent string
	// FreshFactor says that a second factor was shown within the step-up time.
	FreshFactor bool
}

// Object is a thing of the engine by its identity: what it was called is resolved once.
type Object struct {
	Kind route.Object
	// ID is the full id; for volumes, and for what is still to be made, the name.
	ID, Name string
	// Tenant and Owner are what the guard's own labels say; empty where the object was made past the guard.
	Tenant, Owner string
	Labels        map[string]string
	// Image is a container's or service's reference, Privileged a container's.
	Image      string
	Privileged bool
	// ImageID is the image that a container was really made of, whatever its reference stands for by now; Ran says that it ran before.
	ImageID string
	Ran     bool
	// OnBuild are the triggers of an image, which run once it is built upon.
	OnBuild []string
	// ByID is an image that is meant by its id alone, and whose it is goes by that. Names are those that it has on the host, of which the judge
	// puts one that the caller may know into Name; where there are none, Name says what it was called once.
	ByID  bool
	Names []string
	// Had says that a container was made of the image already.
	Had bool
	// Container is what an exec belongs to.
	Container *Object
	// New says that the call makes it.
	New bool
}

// Labels that the guard sets on what is made through it. Nobody else sets or removes them.
const (
	LabelTenant = "io.bulkhead.tenant"
	LabelOwner  = "io.bulkhead.owner" // id of the account
	LabelPrefix = "io.bulkhead."
	// LabelBuild is on every step of a build: whose it is, in a form that names nobody.
	LabelBuild = "io.bulkhead.build"
)

// BuiltBy is what LabelBuild says of what an account builds.
func BuiltBy(tenant, account string) string {
	sum := sha256.Sum256([]byte(tenant + "\x00" + account))
	return hex.EncodeToString(sum[:16])
}

// Use is something that a call's body or parameters name beside its object: a network to join, a volume to mount, an image to run.
type Use struct {
	Object Object
	// Action is Cedar's, e.g. "VolumeMount"; Field is where it stands, e.g. "/HostConfig/Binds/0".
	Action, Field string
	// Named is what the caller called it; empty where that is the object's name.
	Named string
}

// Ask is a call that somebody wants to be made.
type Ask struct {
	Subject *Subject
	Call    *route.Call
	// Named is what the caller called the object, before names became ids.
	Named string
	// Body is the decoded JSON body, a pointer to one of the engine's types; the judge may change it. Nil for none.
	Body any
	// Swarm is what a service is decided by beside; nil for other calls, and where this node manages no swarm.
	Swarm *Swarm
	// MAC is what clients before 1.44 send beside a container's body; since then it belongs to an endpoint.
	MAC string
	// Object is what the call is about; nil for the engine itself. Uses are what it names beside.
	Object *Object
	Uses   []Use
	// Bases are the images that the Dockerfile of a build begins with, where it comes with the call and was read.
	Bases []string
	// Workload is what the call would run or change; nil where it runs nothing.
	Workload *model.Workload
	// Warnings go back with the answer where it has a place for them: what was changed, and what enforcement would refuse.
	Warnings []string
	// Record is the id of the audit record of the decision.
	Record string
	// OneByOne says that only what the caller may remove may go, which the engine can't be told: the door has it removed thing by thing.
	OneByOne bool
	// RecordSession says that a policy wants the terminal recorded.
	RecordSession bool
	// Recorded waits until the record is safe, where the call can be taken back and was made meanwhile; nil where it is safe already.
	Recorded func() error
}

// Swarm is what is known of a swarm when a service is decided on.
type Swarm struct {
	// Node is this one's id. Image is what the service's image is here, by its contents; empty where it is not here.
	Node, Image string
	// Alone says that the swarm has no other node now.
	Alone bool
	// Here says that the service runs on this node alone.
	Here bool
}

// Judge decides on calls, and has what became of them recorded.
type Judge interface {
	// Judge decides on a call before it is made and records it. An error refuses it; a *Refusal says why.
	Judge(ctx context.Context, a *Ask) error
	// Holds says, without a record, whether a call that was allowed would be allowed still; an error says why not.
	Holds(ctx context.Context, a *Ask) error
	// Sees says of each object whether it may be shown to whoever asked for the list that it is in.
	Sees(ctx context.Context, a *Ask, objects []Object) ([]bool, error)
	// Whole says whether the caller may see the host as a whole.
	Whole(ctx context.Context, a *Ask) bool
	// NotUnderstood records a call that was refused before it could be judged, and gives the record's id; s is nil for a stranger.
	NotUnderstood(ctx context.Context, s *Subject, method, target string, why error) (string, error)
	// Failed records that a call that was allowed did not work.
	Failed(ctx context.Context, a *Ask, why string) error
}

// Refusal is a judge's no.
type Refusal struct {
	// Rule names what said no, Why says it to a person, Remedy what would pass.
	Rule, Why, Remedy string
	// Busy says that somebody else uses at this moment what the call would change.
	Busy bool
	// Record is the id of the record in the audit log.
	Record string
	// Hidden answers as if the object did not exist: whoever may not see it does not learn that it does.
	Hidden bool
	Kind   route.Object
	Name   string
	// Field is where the call names it, where it is not what the call is about.
	Field string
}

// Error implements error.
func (r *Refusal) Error() string {
	parts := []string{r.Why}
	for _, p := range []struct{ name, value string }{{"rule", r.Rule}, {"what would pass", r.Remedy}, {"audit record", r.Record}} {
		if p.value != "" {
			parts = append(parts, p.name+": "+p.value)
		}
	}
	return strings.Join(parts, "; ")
}

// Tagged says whether an image's reference has a tag or a digest.
func Tagged(reference string) bool {
	return strings.Contains(reference, "@") || strings.LastIndexByte(reference, ':') > strings.LastIndexByte(reference, '/')
}
