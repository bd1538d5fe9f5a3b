package judge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Addresses says why a registry is not one for everybody to have called: it is the host itself, or what only hosts reach. Empty is any other.
type Addresses interface {
	Inside(ctx context.Context, registry string) (why string, err error)
}

// registries refuses calls by which the engine would call a registry that is not one of the host's. The engine calls from within the host's
// network: what a caller names there is a request forged for it. Where nobody said which are the host's, it is none of the host's own
// addresses, for those who do not answer for it.
func (j *Judge) registries(ctx context.Context, a *call.Ask) error {
	list := called(a)
	if open := j.now.Load().Registries; len(open) > 0 {
		for _, r := range list {
			if !slices.Contains(open, r) {
				return fmt.Errorf("the registry %.100q is none of this host's (guard.registries: %s)", r, strings.Join(open, ", "))
			}
		}
		return nil
	}
	if j.p.Addresses == nil || len(list) == 0 || j.Whole(ctx, a) {
		return nil
	}
	for _, r := range list {
		if r == call.DockerHub { // nobody chose it
			continue
		}
		why, err := j.p.Addresses.Inside(ctx, r)
		if err != nil {
			return fmt.Errorf("where the registry %.100q is can't be told: %w; the host's administrator can name it in guard.registries", r, err)
		}
		if why != "" {
			return fmt.Errorf("the registry %.100q %s, where callers may not have the engine go; the host's administrator can name it in guard.registries, or set guard.internal_registries", r, why)
		}
	}
	return nil
}

// called are the registries that the engine would call.
func called(a *call.Ask) []string {
	q := a.Call.Query
	switch a.Call.Route.Action {
	case "RegistrySignIn":
		if b, ok := a.Body.(*registry.AuthConfig); ok {
			return []string{call.RegistryAt(b.ServerAddress)}
		}
		return []string{call.DockerHub}
	case "RegistryInspect":
		return []string{call.RegistryOf(a.Named)}
	case "RegistrySearch":
		return []string{call.RegistryOf(q.Texts["term"])}
	case "ImagePull":
		if src := q.Texts["fromSrc"]; src != "" && src != "-" {
			return []string{call.RegistryAt(src)}
		} else if src == "-" {
			return nil
		}
		return []string{call.RegistryOf(q.Texts["fromImage"])}
	case "ImagePush", "PluginPush":
		return []string{call.RegistryOf(a.Named)}
	case "PluginInstall", "PluginInspect":
		if remote := q.Texts["remote"]; remote != "" {
			return []string{call.RegistryOf(remote)}
		}
	case "ImageBuild":
		return ofBuild(q)
	case "ServiceCreate", "ServiceUpdate": // every node that runs a task of it asks for its image
		if b, ok := a.Body.(*swarm.ServiceSpec); ok && b.TaskTemplate.ContainerSpec != nil {
			return []string{call.RegistryOf(b.TaskTemplate.ContainerSpec.Image)}
		}
	case "BuildSolve":
		if s, ok := a.Body.(*call.Solve); ok {
			return ofSolve(s)
		}
	}
	return nil
}

// ofBuild are those of a build that the engine's own API begins. BuildKit takes caches from registries; the classic builder has them here.
func ofBuild(q route.Query) []string {
	var list []string
	kit := q.Texts["version"] == "2"
	switch remote := q.Texts["remote"]; {
	case remote == "":
	case kit && (remote == "client-session" || remote == "upload-request"): // it comes from the caller
	default:
		list = append(list, call.RegistryAt(remote))
	}
	if text := q.Texts["buildargs"]; kit && text != "" {
		var args map[string]*string
		if err := json.Unmarshal([]byte(text), &args); err != nil {
			return append(list, text) // which is no registry of anybody's
		}
		if v := args["BUILDKIT_SYNTAX"]; v != nil && *v != "" { // a program that reads the build's file, and what it is told
			image, _, _ := strings.Cut(strings.TrimSpace(*v), " ")
			list = append(list, call.RegistryOf(image))
		}
		list = append(list, ofAttests(args)...)
	}
	if text := q.Texts["cachefrom"]; kit && text != "" {
		var caches []string
		if err := json.Unmarshal([]byte(text), &caches); err != nil {
			return append(list, text) // which is no registry of anybody's
		}
		for _, names := range caches {
			for name := range strings.SplitSeq(names, ",") { // as the builder does
				list = append(list, call.RegistryOf(name))
			}
		}
	}
	return list
}

// ofAttests are those of images that are run to describe what is built.
func ofAttests(args map[string]*string) []string {
	var list []string
	for name, v := range args {
		kind, is := strings.CutPrefix(name, call.AttestArg)
		if !is || v == nil {
			continue
		}
		images, err := call.Generators(kind, *v)
		if err != nil {
			return append(list, *v) // which is no registry of anybody's
		}
		for _, i := range images {
			list = append(list, call.RegistryOf(i))
		}
	}
	return list
}

// ofSolve are those that the builder would call for what it was told, or what the build's own file says.
func ofSolve(s *call.Solve) []string {
	var list []string
	for _, names := range [][]call.Named{s.Images, s.Pushes, s.CacheRefs} {
		for _, n := range names {
			list = append(list, call.RegistryOf(n.Name))
		}
	}
	for _, address := range s.Fetches {
		list = append(list, call.RegistryAt(address))
	}
	return list
}
