// Package solve says what messages of BuildKit's protocol ask for: which images, addresses and sessions a build takes from, what its programs
// would be given, and where the result goes. Messages are read strictly, into the builder's own types; what those do not have is refused.
// It says the same of Dockerfiles, which come to the builder over the caller's session: Dockerfile reads one with the builder's own parser.
//
// It is pure and decides nothing.
package solve

import (
	"errors"
	"fmt"
	"strings"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	policy "github.com/moby/buildkit/sourcepolicy/pb"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// Bounds of one message.
const (
	mostOps     = 10_000 // of all definitions in it
	mostEntries = 2_000  // of each list and map
	longestText = 64 << 10
	mostDepth   = 8 // of definitions in definitions
	mostUnknown = 20
	mostSession = 64 // that one message names
	// Of all that is noted of one message: names, addresses and labels.
	mostNoted     = 10_000
	mostNotedText = 2 << 20
	longestName   = 256 // of what a list is told by, such as the name of an input
	longestField  = 512
)

// ErrTooMuch is of a message that is larger than what is read.
var ErrTooMuch = errors.New("the build asks for more than the guard reads")

// ErrRefused is of what nobody may ask for: what it would give is said only when it is too late to ask about it.
var ErrRefused = errors.New("the guard has no such build")

// Of says what a message asks for; nil for one that asks for nothing that a build would be given.
func Of(m proto.Message) (*call.Solve, error) {
	r := &reading{s: &call.Solve{Labels: map[string]string{}}, seen: map[noted]struct{}{}}
	switch m := m.(type) {
	case *control.SolveRequest:
		r.control(m)
	case *gateway.SolveRequest:
		r.gateway(m)
	case *gateway.ResolveImageConfigRequest:
		r.resolve(m)
	case *gateway.ResolveSourceMetaRequest:
		r.source(m.GetSource(), "Source")
		r.policies(m.GetSourcePolicies(), "SourcePolicies")
	default:
		return nil, nil //nolint:nilnil // it asks for nothing
	}
	return r.s, r.err
}

// reading is one message being read.
type reading struct {
	s     *call.Solve
	seen  map[noted]struct{}
	text  int // bytes of what is noted
	ops   int
	depth int
	words int // that were put together of arguments
	put   int // bytes of them
	vars  int // of a Dockerfile, that are set or copied
	err   error
}

// noted is what stands in a list already.
type noted struct {
	list any
	text string
}

func (r *reading) fail(field, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s: %s", ErrTooMuch, field, fmt.Sprintf(format, args...))
	}
}

// refuse is of what no policy is asked about.
func (r *reading) refuse(field, why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s: %s", ErrRefused, clip(field), why)
	}
}

// bounded says whether a list or map may be read.
func (r *reading) bounded(field string, n int) bool {
	if n > mostEntries {
		r.fail(field, "it has %d entries, more than %d", n, mostEntries)
	}
	return r.err == nil
}

// unknown notes what is not understood.
func (r *reading) unknown(field, format string, args ...any) {
	if len(r.s.Unknown) < mostUnknown {
		r.s.Unknown = append(r.s.Unknown, clip(field)+": "+fmt.Sprintf(format, args...))
	}
}

// clip keeps a place short: it may be made of what a caller sent.
func clip(field string) string {
	if len(field) <= longestField {
		return field
	}
	return strings.Clone(field[:longestField]) + "…"
}

// first says whether a text is the first of its kind in a list, and may be noted. A list is told by where it stands.
func (r *reading) first(list any, text, field string) bool {
	if len(text) > longestText {
		r.fail(field, "a name has %d bytes", len(text))
		return false
	}
	key := noted{list, text}
	if _, has := r.seen[key]; has || r.err != nil {
		return false
	}
	if r.text += len(text); len(r.seen) >= mostNoted || r.text > mostNotedText {
		r.fail(field, "it names more than %d things, or more than %d bytes of them", mostNoted, mostNotedText)
		return false
	}
	r.seen[key] = struct{}{}
	return true
}

func (r *reading) add(list *[]string, text string) {
	if text != "" && r.first(list, text, "list") {
		*list = append(*list, text)
	}
}

func (r *reading) name(list *[]call.Named, name, field string) {
	if r.first(list, name, field) {
		*list = append(*list, call.Named{Name: name, Field: clip(field)})
	}
}

// inputs are definitions that stand under names.
func (r *reading) inputs(m map[string]*pb.Definition) {
	if !r.bounded("FrontendInputs", len(m)) {
		return
	}
	for _, name := range sorted(m) {
		if len(name) > longestName {
			r.fail("FrontendInputs", "a name has %d bytes, more than %d", len(name), longestName)
			return
		}
		r.definition(m[name], "FrontendInputs/"+name)
	}
}

// session notes a session. The builder takes "PREFIX:ID" for ID, and asks for other parts of it then than those that the build names: no client
// sends that.
func (r *reading) session(id string) {
	if strings.Contains(id, ":") {
		r.refuse("session", fmt.Sprintf("%.100q has a prefix, by which files would be taken under another name: name the session by its id alone", id))
		return
	}
	if len(r.s.Sessions) >= mostSession {
		r.fail("session", "more than %d are named", mostSession)
		return
	}
	r.add(&r.s.Sessions, id)
}

// control is a build as a client of the builder begins it.
func (r *reading) control(m *control.SolveRequest) {
	r.s.Ref = m.GetRef()
	r.session(m.GetSession())
	r.session(m.GetSourcePolicySession())
	r.frontend(m.GetFrontend(), m.GetFrontendAttrs(), m.GetFrontendInputs())
	r.inputs(m.GetFrontendInputs())
	r.definition(m.GetDefinition(), "Definition")
	r.entitlements(m.GetEntitlements())
	// Builders before 0.13 read the one, later ones the other: both are asked for.
	if r.bounded("Exporters", len(m.GetExporters())) {
		for i, e := range m.GetExporters() {
			r.exporter(e.GetType(), e.GetAttrs(), fmt.Sprintf("Exporters/%d", i))
		}
	}
	if m.GetExporterDeprecated() != "" {
		r.exporter(m.GetExporterDeprecated(), m.GetExporterAttrsDeprecated(), "Exporter")
	}
	if m.GetEnableSessionExporter() {
		r.refuse("EnableSessionExporter", "where the result goes would be said only when it is there: name an output")
	}
	r.caches(m.GetCache())
	if p := m.GetSourcePolicy(); p != nil {
		r.policies([]*policy.Policy{p}, "SourcePolicy")
	}
	if m.GetSourcePolicySession() != "" {
		r.unknown("SourcePolicySession", "what is taken from instead would be said only while it is built")
	}
}

func (r *reading) caches(c *control.CacheOptions) {
	if c == nil {
		return
	}
	if ref := c.GetExportRefDeprecated(); ref != "" {
		r.cache("registry", map[string]string{"ref": ref}, &r.s.Pushes, "Cache/ExportRef")
	}
	if !r.bounded("Cache", len(c.GetImportRefsDeprecated())+len(c.GetExports())+len(c.GetImports())) {
		return
	}
	for i, ref := range c.GetImportRefsDeprecated() {
		r.cache("registry", map[string]string{"ref": ref}, &r.s.CacheRefs, fmt.Sprintf("Cache/ImportRefs/%d", i))
	}
	for i, e := range c.GetExports() {
		r.cache(e.GetType(), e.GetAttrs(), &r.s.Pushes, fmt.Sprintf("Cache/Exports/%d", i))
	}
	for i, e := range c.GetImports() {
		r.cache(e.GetType(), e.GetAttrs(), &r.s.CacheRefs, fmt.Sprintf("Cache/Imports/%d", i))
	}
}

// gateway is a part of a build, as the program that reads the build's file asks for it.
func (r *reading) gateway(m *gateway.SolveRequest) {
	r.frontend(m.GetFrontend(), m.GetFrontendOpt(), m.GetFrontendInputs())
	r.definition(m.GetDefinition(), "Definition")
	r.inputs(m.GetFrontendInputs())
	if !r.bounded("CacheImports", len(m.GetCacheImports())) {
		return
	}
	for i, e := range m.GetCacheImports() {
		r.cache(e.GetType(), e.GetAttrs(), &r.s.CacheRefs, fmt.Sprintf("CacheImports/%d", i))
	}
	if len(m.GetExporterAttr()) > 0 {
		r.unknown("ExporterAttr", "no builder reads it any more")
	}
	r.policies(m.GetSourcePolicies(), "SourcePolicies")
}

// resolve is a look at an image.
func (r *reading) resolve(m *gateway.ResolveImageConfigRequest) {
	r.session(m.GetSessionID())
	if m.GetStoreID() != "" || m.GetResolverType() != 0 {
		r.add(&r.s.Sources, "oci-layout://"+m.GetRef()) // of the session
	} else {
		r.image(m.GetRef(), "Ref")
	}
	r.policies(m.GetSourcePolicies(), "SourcePolicies")
}

// policies may have something else taken from than what is named.
func (r *reading) policies(list []*policy.Policy, field string) {
	if !r.bounded(field, len(list)) {
		return
	}
	for i, p := range list {
		if !r.bounded(field, len(p.GetRules())) {
			return
		}
		for j, rule := range p.GetRules() {
			if u := rule.GetUpdates(); u != nil {
				at := fmt.Sprintf("%s/%d/%d", field, i, j)
				r.identifier(u.GetIdentifier(), u.GetAttrs(), at)
			}
		}
	}
}

// entitlements are what the programs of the build may be given beside what all have.
func (r *reading) entitlements(list []string) {
	if !r.bounded("Entitlements", len(list)) {
		return
	}
	for i, e := range list {
		r.add(&r.s.Entitlements, e)
		switch kind, what, _ := strings.Cut(e, "="); {
		case e == "network.host":
			r.s.HostNetwork = true
		case e == "security.insecure":
			r.s.Insecure = true
		case kind == "device":
			if what == "" {
				what = "*"
			}
			r.add(&r.s.Devices, what)
		default:
			r.unknown(fmt.Sprintf("Entitlements/%d", i), "the guard does not know %.100q", e)
		}
	}
}
