package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	cedar "github.com/cedar-policy/cedar-go"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/policies"
)

// profiles is what the page about rules of workloads is made of: the shipped policies and their schema.
type profiles struct {
	Profiles []profile
	Facts    []fact
	Sysctls  []string
	Common   []string
	System   []string
	Masked   []string
	ReadOnly []string
}

type profile struct {
	Name  string
	Rules []rule
}

type rule struct{ ID, Reason, Remedy, Actions string }

type fact struct{ Name, Type, What string }

func readProfiles() (profiles, error) {
	out := profiles{Sysctls: workload.SafeSysctls(), Common: workload.CommonPaths(), System: workload.SystemPaths(), Masked: workload.MaskedPaths(), ReadOnly: workload.ReadonlyPaths()}
	for _, name := range []string{"baseline", "restricted"} {
		text, err := policies.Files.ReadFile("profile_" + name + ".cedar")
		if err != nil {
			return out, fmt.Errorf("the profile %s: %w", name, err)
		}
		list, err := cedar.NewPolicyListFromBytes(name, text)
		if err != nil {
			return out, fmt.Errorf("the profile %s: %w", name, err)
		}
		p := profile{Name: name}
		for _, one := range list {
			a := one.Annotations()
			p.Rules = append(p.Rules, rule{string(a["id"]), string(a["reason"]), string(a["remedy"]), actionsOf(string(one.MarshalCedar()))})
		}
		out.Profiles = append(out.Profiles, p)
	}
	out.Facts = factsOf(policies.Schema)
	if len(out.Facts) == 0 {
		return out, fmt.Errorf("the schema has no facts of workloads")
	}
	return out, nil
}

var actionName = regexp.MustCompile(`Action::"(\w+)"`)

// actionsOf are what a rule looks at, in words; what makes something run is the usual.
func actionsOf(text string) string {
	_, scope, _ := strings.Cut(text, "\nforbid ")
	head, _, _ := strings.Cut(scope, "when {")
	words := map[string]string{
		"EngineRun": "run", "ContainerExec": "exec", "ContainerUpdate": "update", "ImageBuild": "build", "VolumeCreate": "volume",
		"ServiceCreate": "service", "ServiceUpdate": "service", "BuildKitUse": "build by BuildKit",
	}
	var out []string
	for _, m := range actionName.FindAllStringSubmatch(head, -1) {
		word := words[m[1]]
		if word == "" {
			word = m[1]
		}
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return strings.Join(out, ", ")
}

var factLine = regexp.MustCompile(`(?m)^    (\w+): ([\w<>]+),(?: +// (.*))?$`)

func factsOf(schema string) []fact {
	_, rest, _ := strings.Cut(schema, "type WorkloadFacts = {")
	body, _, _ := strings.Cut(rest, "};")
	var out []fact
	for _, m := range factLine.FindAllStringSubmatch(body, -1) {
		out = append(out, fact{m[1], m[2], m[3]})
	}
	return out
}
