package solve

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// vars are variables of a Dockerfile at one of its lines; nil is of one whose value is not known.
type vars map[string]*string

// copied are the variables of a stage that begins with another. What is copied is counted, for all stages and platforms.
func (r *reading) copied(k vars) (vars, error) {
	if r.vars += len(k); r.vars > mostVars {
		return nil, errVars
	}
	if k == nil {
		return vars{}, nil
	}
	return maps.Clone(k), nil
}

// platformArgs are those that a Dockerfile has before its first line. The builder works on the guard's own machine, and writes a platform in a
// form of its own: what is not in that form is not known. The stage that is built has its name from a target, or else from the file.
func platformArgs(platform string, f *call.BuildFile) vars {
	own := runtime.GOOS + "/" + runtime.GOARCH
	if platform == "" {
		platform = own
	}
	k := vars{"TARGETSTAGE": nil}
	for prefix, p := range map[string]string{"BUILD": own, "TARGET": platform} {
		for _, name := range []string{"PLATFORM", "OS", "ARCH", "VARIANT", "OSVERSION"} {
			k[prefix+name] = nil
		}
		if !slices.Contains(platforms(), p) {
			continue
		}
		system, rest, _ := strings.Cut(p, "/")
		arch, variant, _ := strings.Cut(rest, "/")
		k.set(prefix+"PLATFORM", p)
		k.set(prefix+"OS", system)
		k.set(prefix+"ARCH", arch)
		k.set(prefix+"VARIANT", variant)
		k.set(prefix+"OSVERSION", "")
	}
	if f.Target != "" {
		k.set("TARGETSTAGE", f.Target)
	}
	for name := range k {
		if v, given := f.Args[name]; given {
			k.set(name, v)
		}
	}
	return k
}

// platforms are those that every builder writes as they stand here.
func platforms() []string {
	return []string{
		"linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x",
	}
}

// set keeps a value; one that is too long is not known, and neither is one that the builder may make another of.
func (k vars) set(name, value string) {
	if k[name] = &value; len(value) > longestWord || changed(name, value) {
		k[name] = nil
	}
}

// changed says whether the builder has something else under a name than what it was given.
func changed(name, value string) bool {
	switch name {
	case "BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE": // for itself, and not for the file
		return true
	case "SOURCE_DATE_EPOCH": // in seconds, that it may look for
		n, err := strconv.ParseInt(value, 10, 64)
		return err != nil || value != strconv.FormatInt(n, 10)
	}
	return false
}

// assigned counts variables that are set.
func (r *reading) assigned(n int) error {
	if r.vars += n; r.vars > mostVars {
		return errVars
	}
	return nil
}

// argument is one of ARG. In a stage, one without a value takes that of before the first stage; before it, nobody else sets any.
func (d *file) argument(env vars, a instructions.KeyValuePairOptional, staged bool) {
	if v, given := d.f.Args[a.Key]; given {
		env.set(a.Key, v)
		return
	}
	if a.Value != nil {
		d.assign(env, a.Key, *a.Value, env, staged)
		return
	}
	if v, has := d.global[a.Key]; has && staged {
		env[a.Key] = v
	}
}

// assign puts a value together, and takes it for unknown where that can't be done: in a stage, the base image has variables, too.
func (d *file) assign(to vars, key, value string, env vars, staged bool) {
	text, missing, err := d.expanded(value, env)
	if _, unknown := env[missing]; err != nil || missing != "" && (staged || unknown) {
		to[key] = nil
		return
	}
	to.set(key, text)
}

var (
	errLong    = errors.New("it is too long when it is put together of arguments")
	errWork    = errors.New("the file has too much that is put together of arguments")
	errPattern = errors.New("it has a pattern (${X/…}, ${X#…}, ${X%…}) that is long, or has quotes or arguments in it: write it without")
	errVars    = fmt.Errorf("it has more than %d variables, with those that its stages have of others", mostVars)
	errText    = errors.New("it is no text")
)

// word is put together of variables of before the first stage: one that is not there is empty.
func (d *file) word(text string, env vars) (string, error) {
	whole, missing, err := d.expanded(text, env)
	if v, has := env[missing]; err == nil && has && v == nil {
		err = errors.New("the guard can't tell what " + missing + " is: name the image itself")
	}
	return whole, err
}

// expanded puts a word together, and says which variable was missing.
func (d *file) expanded(text string, env vars) (whole, missing string, err error) {
	if !strings.ContainsAny(text, "$\\\"'") {
		return text, "", nil
	}
	if len(text) > longestWord {
		return "", "", errLong
	}
	if err := d.work(text); err != nil {
		return "", "", err
	}
	look := &looked{vars: env}
	whole, _, err = d.lex.ProcessWord(text, look)
	if d.put += len(whole); err == nil && len(whole) > longestWord {
		err = errLong
	}
	return whole, look.missing, err
}

// looked remembers what was looked for and not there.
type looked struct {
	vars
	missing string
}

// Get implements shell.EnvGetter.
func (l *looked) Get(name string) (string, bool) {
	v, has := l.vars[name]
	if v == nil {
		if l.missing == "" || has {
			l.missing = name
		}
		return "", false
	}
	return *v, true
}

// Keys implements shell.EnvGetter.
func (l *looked) Keys() []string { return slices.Collect(maps.Keys(l.vars)) }
