package solve

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	control "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/solver/pb"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

func namesIn(list []call.Named) string {
	var out []string
	for _, n := range list {
		out = append(out, n.Name)
	}
	return strings.Join(out, " ")
}

// What a Dockerfile takes from is found, in every way in which it can be written.
func TestDockerfile(t *testing.T) {
	for name, c := range map[string]struct {
		text                                string
		file                                call.BuildFile
		images, bases, frontends, addresses string
	}{
		"image":         {text: "FROM a:1\nRUN true", images: "a:1", bases: "a:1"},
		"stages":        {text: "FROM a AS b\nFROM B AS c\nFROM scratch\nCOPY --from=b /x /y\nCOPY --from=0 / /\nCOPY --from=img:2 / /", images: "a img:2", bases: "a"},
		"mount":         {text: "FROM a\nRUN --mount=type=bind,from=m:1,target=/m true", images: "a m:1", bases: "a"},
		"mount, number": {text: "FROM a\nRUN --mount=from=0,target=/m true", images: "a 0", bases: "a"},
		"mount, as it is written": {
			text: "FROM a\nRUN --mount=from=x\\\\y,target=/m true", file: call.BuildFile{Platforms: []string{"linux/amd64", "linux/s390x"}},
			images: `a x\y`, bases: "a",
		},
		"mount, lines":   {text: "# syntax=s:1\nFROM a:1\nNEWER x\nCOPY --from=0 / /\nRUN --mount=from=0,target=/a --mount=from=m:1,target=/m true", images: "s:1 a:1 0 m:1", bases: "", frontends: "s:1"},
		"argument":       {text: "ARG V=1\nARG I=a:$V\nFROM $I", images: "a:1", bases: "a:1"},
		"build argument": {text: "ARG I=a\nFROM ${I}", file: call.BuildFile{Args: map[string]string{"I": "evil:1"}}, images: "evil:1", bases: "evil:1"},
		"no argument":    {text: "FROM ${I:-a}", file: call.BuildFile{Args: map[string]string{"I": "evil"}}, images: "a", bases: "a"},
		"platform":       {text: "FROM a-$TARGETARCH", images: "a-" + runtime.GOARCH, bases: "a-" + runtime.GOARCH},
		"platforms": {
			text: "ARG TARGETARCH\nFROM a-$TARGETARCH", file: call.BuildFile{Platforms: []string{"linux/amd64", "linux/s390x"}},
			images: "a-amd64 a-s390x", bases: "a-amd64 a-s390x",
		},
		"a variant":            {text: "FROM a-$TARGETARCH$TARGETVARIANT", file: call.BuildFile{Platforms: []string{"linux/arm/v7"}}, images: "a-armv7", bases: "a-armv7"},
		"target":               {text: "FROM a-$TARGETSTAGE AS b\nFROM c", file: call.BuildFile{Target: "b"}, images: "a-b c", bases: "a-b c"},
		"epoch":                {text: "ARG SOURCE_DATE_EPOCH=7\nFROM a-$SOURCE_DATE_EPOCH", images: "a-7", bases: "a-7"},
		"context":              {text: "FROM base\nCOPY --from=other / /", file: call.BuildFile{Contexts: []string{"base", "other"}}, images: "base other"},
		"syntax":               {text: "# syntax=docker/dockerfile:1\nFROM a", images: "docker/dockerfile:1 a", bases: "a", frontends: "docker/dockerfile:1"},
		"syntax, own":          {text: "# syntax=docker/dockerfile:1\nFROM a", file: call.BuildFile{Own: true}, images: "a", bases: "a"},
		"syntax, behind":       {text: "# x=y\n#\n# SynTax = evil/f a b\nFROM a", images: "evil/f a", bases: "a", frontends: "evil/f"},
		"syntax in C":          {text: "#!/usr/bin/env x\n//syntax=evil/f\nwhatever it reads", images: "evil/f", frontends: "evil/f"},
		"syntax in JSON":       {text: `{"syntax": "evil/f", "x": 1}`, images: "evil/f", frontends: "evil/f"},
		"BOM":                  {text: "\ufeff# syntax=evil/f\nFROM a", images: "evil/f a", bases: "a", frontends: "evil/f"},
		"foreign, newer":       {text: "# syntax=docker/dockerfile:9\nFROM a:1 AS b\nNEWER thing\nADD \\\n http://h.test/x /\nCOPY --from=c:1 / /", images: "docker/dockerfile:9 a:1 c:1", frontends: "docker/dockerfile:9", addresses: "http://h.test/x"},
		"foreign":              {text: "this: is no Dockerfile", file: call.BuildFile{Foreign: true}},
		"address":              {text: "FROM a\nADD https://h.test/x /y", images: "a", bases: "a", addresses: "https://h.test/x"},
		"git":                  {text: "FROM a\nADD git@h.test:x/y.git /y", images: "a", bases: "a", addresses: "git@h.test:x/y.git"},
		"address put together": {text: "FROM a\nARG H=h.test\nENV U=http://$H\nADD --checksum=sha256:aa $U/x /y", images: "a", bases: "a", addresses: "http://h.test/x"},
		"address of a stage":   {text: "FROM a AS b\nENV U=http://h.test\nFROM b\nADD $U/x /", images: "a", bases: "a", addresses: "http://h.test/x"},
		"address, global":      {text: "ARG U=http://h.test\nFROM a\nARG U\nADD $U/x /", images: "a", bases: "a", addresses: "http://h.test/x"},
		"file":                 {text: "FROM a\nARG V=1\nADD x-$V.tar /y", images: "a", bases: "a"},
		"document":             {text: "FROM a\nRUN <<E\nFROM evil:1\nADD http://h.test/x /y\nCOPY --from=evil:2 / /\nselect 1 from users where 1\nE\n", images: "a evil:1 evil:2", bases: "a", addresses: "http://h.test/x"},
		"patterns":             {text: "ARG V=v1.2.3\nARG W=${V#v}\nFROM a:${W%.*}-${V//./_}-${V/v/w}-${N:-${V%.*}}", images: "a:1.2-v1_2_3-w1.2.3-v1.2", bases: "a:1.2-v1_2_3-w1.2.3-v1.2"},
		"trigger":              {text: "FROM scratch AS a\nONBUILD COPY --from=victim/secret / /\nFROM a", images: "victim/secret"},
		"trigger, ADD":         {text: "FROM a\nONBUILD ADD \\\n http://h.test/x /", images: "a", bases: "a", addresses: "http://h.test/x"},
		"triggers":             {text: "FROM node:1\nONBUILD ARG E\nONBUILD ENV E=$E\nONBUILD COPY package.json /app/\nONBUILD RUN <<X\nnpm install\nX\n", images: "node:1", bases: "node:1"},
		"joined":               {text: "FROM \\\n a\nADD \\\n# a remark\n http://h.test/x /y", images: "a", bases: "a", addresses: "http://h.test/x"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Dockerfile(t.Context(), []byte(c.text), &c.file, nil)
			if err != nil || len(s.Unknown) > 0 {
				t.Fatal(err, s)
			}
			if got := namesIn(s.Images); got != c.images {
				t.Errorf("images %q", got)
			}
			if got := namesIn(s.Bases); got != c.bases {
				t.Errorf("bases %q", got)
			}
			if got := namesIn(s.FrontendImages); got != c.frontends {
				t.Errorf("frontends %q", got)
			}
			if got := strings.Join(s.Fetches, " "); got != c.addresses {
				t.Errorf("addresses %q", got)
			}
		})
	}
}

// The secrets that a file gives its programs are facts.
func TestDockerfileSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"RUN --mount=type=secret,id=npm,target=/root/.npmrc npm ci":                 "secret:npm",
		"RUN --mount=type=secret,source=npm --mount=type=ssh true":                  "secret:npm ssh:default",
		"RUN --mount=type=secret,target=/run/x/key true":                            "secret:key",
		"RUN --mount=type=ssh,id=git true":                                          "ssh:git",
		"ARG N=npm T=secret\nRUN --mount=type=$T,id=${N}-x,env=X true":              "secret:npm-x",
		"ARG TARGETARCH\nRUN --mount=type=secret,id=$TARGETARCH true":               "secret:amd64 secret:s390x",
		"RUN --mount=type=secret,id=$ID true":                                       "secret:?",
		"ONBUILD RUN --mount=type=secret,id=x true":                                 "secret:x",
		"RUN --mount=type=cache,target=$HOME/.cache,uid=$UID true":                  "",
		"RUN --mount=type=bind,target=/x --mount=type=tmpfs,target=/y,size=1m true": "",
	} {
		s, err := Dockerfile(t.Context(), []byte("FROM a\n"+text), &call.BuildFile{Platforms: []string{"linux/amd64", "linux/s390x"}}, nil)
		if got := strings.Join(s.Secrets, " "); err != nil || got != want || len(s.Unknown) > 0 {
			t.Errorf("%s: %v %q %q", text, err, got, s.Unknown)
		}
	}
}

// What could be read in two ways, or can't be told, is not taken for harmless.
func TestDockerfileUnknown(t *testing.T) {
	double := "ARG A=" + strings.Repeat("x", 64) + "\n"
	for i := range 24 {
		double += "ARG " + string(rune('B'+i)) + "=$" + string(rune('A'+i)) + "$" + string(rune('A'+i)) + "\n"
	}
	for name, text := range map[string]string{
		"no Dockerfile":      "hello",
		"nothing":            "",
		"escape":             "# escape=`\nFROM a",
		"escape, not first":  "# check=skip=all\n# escape=`\nFROM a",
		"the base says":      "FROM a\nADD $U /x",
		"the base says, too": "FROM a\nADD ${U:-x} /x",
		"through ENV":        "FROM a\nENV X=$U\nADD $X /x",
		"through a stage":    "FROM a AS b\nENV X=$U\nFROM b\nADD $X /x",
		"twice and twice":    double + "FROM $Y",
		"long":               "FROM $A" + strings.Repeat("x", longestWord),
		"a syntax, escape":   "# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nADD http://h.test/x /",
		"a syntax, ADD":      "# syntax=docker/dockerfile:1\nFROM a\nADD $U /",
		"a pattern, another": "ARG A=b\nFROM ${A/${A}/c}",
		"a pattern, quoted":  "ARG A=b\nFROM ${A/'}'/c$A}",
		"a pattern, long":    "ARG A=b\nFROM ${A#" + strings.Repeat("*", longestPattern+1) + "}",
		"a pattern, escaped": "ARG A=b\nFROM ${A/x\\}/$A}",
		"no text":            "ARG X=b\nFROM a$X\xff",
		"a trigger":          "FROM a\nONBUILD ADD $U /x",
		"a trigger's ENV":    "FROM scratch AS a\nENV U=x\nONBUILD ENV U=http://h.test\nFROM a\nADD $U /x",
		"a trigger's ARG":    "ARG U=http://h.test\nFROM scratch AS a\nENV U=x\nONBUILD ARG U\nFROM a\nADD $U /x",
		"a trigger, none":    "FROM a\nONBUILD x",
		"a mount":            "FROM a\nRUN --mount=type=moon,target=/x true",
		"a mount's type":     "FROM a\nRUN --mount=type=${T:-cache},target=/x true",
		"an instruction":     "FROM a\nFETCH http://h.test",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Dockerfile(t.Context(), []byte(text), &call.BuildFile{Platforms: []string{"linux/arm/v7"}}, nil)
			if err != nil || len(s.Unknown) == 0 {
				t.Errorf("%v %+v", err, s)
			}
		})
	}
	if _, err := Dockerfile(t.Context(), make([]byte, MostDockerfile+1), &call.BuildFile{}, nil); err == nil {
		t.Error("a Dockerfile without end")
	}
}

// What the builder makes of its arguments in ways of its own is not worked out.
func TestDockerfileChanged(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		file call.BuildFile
	}{
		"a stage":               {"FROM a-$TARGETSTAGE AS b", call.BuildFile{}},
		"a system alone":        {"FROM a-$TARGETOS", call.BuildFile{Platforms: []string{"amd64"}}},
		"capitals":              {"FROM a-$TARGETOS", call.BuildFile{Platforms: []string{"LINUX/amd64"}}},
		"a system by its name":  {"FROM a-$TARGETOS", call.BuildFile{Platforms: []string{"macos/arm64"}}},
		"a system of a version": {"FROM a-$TARGETOSVERSION", call.BuildFile{Platforms: []string{"linux(1)/amd64"}}},
		"a machine by its name": {"FROM a-$TARGETARCH", call.BuildFile{Platforms: []string{"linux/x86_64"}}},
		"a variant":             {"FROM a-$TARGETVARIANT", call.BuildFile{Platforms: []string{"linux/arm64/v8"}}},
		"seconds":               {"ARG SOURCE_DATE_EPOCH=007\nFROM a-$SOURCE_DATE_EPOCH", call.BuildFile{}},
		"seconds, of the build": {"ARG SOURCE_DATE_EPOCH\nFROM a-$SOURCE_DATE_EPOCH", call.BuildFile{Args: map[string]string{"SOURCE_DATE_EPOCH": "context"}}},
		"seconds, of nobody":    {"ARG SOURCE_DATE_EPOCH=7\nFROM a-$SOURCE_DATE_EPOCH", call.BuildFile{Args: map[string]string{"SOURCE_DATE_EPOCH": ""}}},
		"a list":                {"FROM a\nARG BUILDKIT_SBOM_SCAN_STAGE=x\nADD $BUILDKIT_SBOM_SCAN_STAGE /", call.BuildFile{}},
		"a list, too":           {"FROM a\nARG BUILDKIT_SBOM_SCAN_CONTEXT=x\nADD $BUILDKIT_SBOM_SCAN_CONTEXT /", call.BuildFile{}},
		"a context":             {"FROM a AS b\nENV U=x\nFROM b\nADD $U /", call.BuildFile{Contexts: []string{"b"}}},
		"a context, latest":     {"FROM a AS b\nENV U=x\nFROM b\nADD $U /", call.BuildFile{Contexts: []string{"B:latest"}}},
		"a context, platform":   {"FROM a AS b\nENV U=x\nFROM b\nADD $U /", call.BuildFile{Contexts: []string{"b::linux/amd64"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Dockerfile(t.Context(), []byte(c.text), &c.file, nil)
			if err != nil || len(s.Unknown) == 0 {
				t.Errorf("%v %+v", err, s)
			}
		})
	}
}

// bombs are Dockerfiles of about a size that are far larger once they are put together.
func bombs(size int) map[string]string {
	long := "ARG A=" + strings.Repeat("x", longestWord) + "\n"
	var variables strings.Builder
	variables.WriteString("FROM a AS s0")
	for i := range size / 26 {
		if i%1000 == 0 {
			variables.WriteString("\nENV")
		}
		fmt.Fprintf(&variables, " A%d=b", i)
	}
	for i := range size / 1165 {
		fmt.Fprintf(&variables, "\nFROM s%d AS s%d", i, i+1)
	}
	most := func(line string) string { return strings.Repeat(line, max(1, (size-len(long)-100)/len(line))) }
	return map[string]string{
		"a pattern in a pattern": long + "FROM ${A//x/${A//x/${A//x/$A}}}",
		"behind a quote":         long + "FROM ${A//x/'}'${A//x/'}'${A//x/'}'$A}}}",
		"many patterns":          long + most("ARG B="+strings.Repeat("${A//x/"+strings.Repeat("y", longestPattern-2)+"}", 14)+"\n") + "FROM a:$B",
		"stars":                  long + most("ARG B="+strings.Repeat("${A##"+strings.Repeat("*", longestPattern-1)+"y}", 14)+"\n") + "FROM a:$B",
		"copied variables":       variables.String(),
		"many short words":       "ARG A=x\n" + most("ARG B=$A\n") + "FROM a:$B",
		"many words":             long + most("ARG B=$A$A$A$A$A$A$A$A$A$A$A$A$A$A$A\n") + "FROM a:$B",
	}
}

// What is put together takes no longer, and no more room, than what people write. What the parser takes for a file of the largest is its own.
func TestDockerfileBomb(t *testing.T) {
	const most = 128 << 20 // bytes
	many := make([]string, mostPlatforms)
	for i := range many {
		many[i] = "linux/arm64"
	}
	for name, text := range bombs(MostDockerfile) {
		t.Run(name, func(t *testing.T) {
			parsed := allocated(func() {
				result, err := parser.Parse(strings.NewReader(text))
				if err == nil {
					_, _, err = instructions.Parse(result.AST, nil)
				}
				if err != nil {
					t.Error(err)
				}
			})
			all := allocated(func() {
				s, err := Dockerfile(t.Context(), []byte(text), &call.BuildFile{Platforms: many}, nil)
				if err != nil || len(s.Unknown) == 0 {
					t.Errorf("%v %+v", err, s)
				}
			})
			if all > parsed+most {
				t.Errorf("it took %d MiB, and the parser alone %d", all>>20, parsed>>20)
			}
		})
	}
}

// allocated are the bytes that f takes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// gone is a caller who goes while the file is read.
type gone struct {
	context.Context
	after, asked int
}

// Err implements context.Context.
func (g *gone) Err() error {
	if g.asked++; g.asked > g.after {
		return context.Canceled
	}
	return nil
}

// Nobody waits longer than the caller does.
func TestDockerfileEnds(t *testing.T) {
	ctx := &gone{Context: t.Context(), after: 10}
	if s, err := Dockerfile(ctx, []byte(strings.Repeat("FROM a\n", 100)), &call.BuildFile{}, nil); !errors.Is(err, context.Canceled) || s != nil || ctx.asked > 15 {
		t.Errorf("%v %+v, after %d stages", err, s, ctx.asked)
	}
}

// A message says how the Dockerfile will be read, and where it will not be seen.
func TestBuildFile(t *testing.T) {
	for name, c := range map[string]struct {
		m       *control.SolveRequest
		unknown bool
		want    call.BuildFile
	}{
		"plain": {m: &control.SolveRequest{Frontend: "dockerfile.v0"}, want: call.BuildFile{Local: "dockerfile", Name: "Dockerfile"}},
		"named": {
			m:    &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"dockerfilekey": "d", "filename": "sub/F", "cmdline": "", "context": "https://h.test/x.git"}},
			want: call.BuildFile{Local: "d", Name: "sub/F", Own: true},
		},
		"another program": {
			m:    &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"build-arg:BUILDKIT_SYNTAX": "evil/f x"}},
			want: call.BuildFile{Local: "dockerfile", Name: "Dockerfile", Foreign: true},
		},
		"gateway": {
			m:    &control.SolveRequest{Frontend: "gateway.v0", FrontendAttrs: map[string]string{"source": "evil/f"}},
			want: call.BuildFile{Local: "dockerfile", Name: "Dockerfile", Foreign: true},
		},
		"up":                {m: &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"filename": "l/../Dockerfile"}}, unknown: true, want: call.BuildFile{Local: "dockerfile", Name: "l/../Dockerfile"}},
		"up, from the root": {m: &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"filename": "/../Dockerfile"}}, unknown: true, want: call.BuildFile{Local: "dockerfile", Name: "/../Dockerfile"}},
		"no file":           {m: &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"filename": ""}}, unknown: true, want: call.BuildFile{Local: "dockerfile"}},
		"from here":         {m: &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"filename": "./sub/F"}}, want: call.BuildFile{Local: "dockerfile", Name: "./sub/F"}},
		"from the root":     {m: &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"filename": "/sub/F"}}, want: call.BuildFile{Local: "dockerfile", Name: "/sub/F"}},
		"at an address":     {m: &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"context": "https://h.test/x.git"}}, unknown: true, want: call.BuildFile{Local: "dockerfile", Name: "Dockerfile"}},
		"out of a build":    {m: &control.SolveRequest{Frontend: "dockerfile.v0", FrontendInputs: map[string]*pb.Definition{"dockerfile": {}}}, unknown: true, want: call.BuildFile{Local: "dockerfile", Name: "Dockerfile"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Of(c.m)
			if err != nil || s.File == nil || len(s.Unknown) > 0 != c.unknown {
				t.Fatal(err, s)
			}
			f := *s.File
			if f.Local != c.want.Local || f.Name != c.want.Name || f.Own != c.want.Own || f.Foreign != c.want.Foreign {
				t.Errorf("%+v", f)
			}
		})
	}
	s, err := Of(&control.SolveRequest{Definition: &pb.Definition{}})
	if err != nil || s.File != nil {
		t.Error(err, s)
	}
	for name, want := range map[string][]string{"Dockerfile": {"Dockerfile", "dockerfile"}, "/a/../b/Dockerfile": {"b/Dockerfile", "b/dockerfile"}, "../x": {"x"}} {
		if got := Paths(&call.BuildFile{Name: name}); !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzDockerfile(f *testing.F) {
	for _, text := range []string{"FROM a", "# syntax=a\nARG A=$B\nFROM $A AS b\nRUN <<E\nFROM x\nE\nADD ${X:+y} /", `{"syntax":"x"}`, "ARG A=${A:-${B}}\nFROM ${A%%x}", "FROM a\nRUN --mount=type=bind,from=x true", "FROM a\nARG I=x\nRUN --mount=type=secret,id=$I,uid=$U true", "ARG V=1.2\nFROM a:${V%.*}${V//./_}${V#'}'$V}"} {
		f.Add([]byte(text))
	}
	f.Add([]byte("FROM a AS b\nONBUILD ARG X=1\nONBUILD ADD ${X} /\nFROM b\nADD $X /"))
	for _, text := range bombs(4 << 10) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Dockerfile(t.Context(), text, &call.BuildFile{Args: map[string]string{"A": "b"}, Platforms: []string{"linux/arm64"}}, nil)
		if err != nil {
			return
		}
		again, err := Dockerfile(t.Context(), text, &call.BuildFile{Args: map[string]string{"A": "b"}, Platforms: []string{"linux/arm64"}}, nil)
		if err != nil || namesIn(s.Images) != namesIn(again.Images) || len(s.Unknown) != len(again.Unknown) {
			t.Errorf("it is read in two ways: %+v %+v", s, again)
		}
	})
}
