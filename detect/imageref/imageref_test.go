package imageref

import (
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestParse(t *testing.T) {
	hash := strings.Repeat("a1", 32)
	cases := []struct {
		ref  string
		want model.ImageRef
	}{
		{"nginx", model.ImageRef{Kind: model.RefMovingTag, Registry: "docker.io", Name: "library/nginx"}},
		{"nginx:1.25.3", model.ImageRef{Kind: model.RefVersionTag, Registry: "docker.io", Name: "library/nginx", Tag: "1.25.3"}},
		{"localhost:5000/team/app:v1.2", model.ImageRef{Kind: model.RefVersionTag, Registry: "localhost:5000", Name: "team/app", Tag: "v1.2"}},
		{"ghcr.io/o/app@sha256:" + hash, model.ImageRef{Kind: model.RefDigest, Registry: "ghcr.io", Name: "o/app", Digest: "sha256:" + hash}},
		{"ghcr.io/o/app:latest@sha256:" + hash, model.ImageRef{Kind: model.RefDigest, Registry: "ghcr.io", Name: "o/app", Tag: "latest", Digest: "sha256:" + hash}},
		{"sha256:" + hash, model.ImageRef{Kind: model.RefImageID, ID: "sha256:" + hash}},
		{"a1b2c3d4e5f6", model.ImageRef{Kind: model.RefImageID, ID: "a1b2c3d4e5f6"}},
		{"facedeadbeef", model.ImageRef{Kind: model.RefMovingTag, Registry: "docker.io", Name: "library/facedeadbeef"}},
		{"", model.ImageRef{}},
		{"UPPER/Case:1.0", model.ImageRef{}},
		{"a:b:c", model.ImageRef{}},
		{strings.Repeat("x", 5000), model.ImageRef{}},
	}
	for _, c := range cases {
		c.want.Ref = c.ref
		if got := Parse(c.ref); got != c.want {
			t.Errorf("Parse(%.40q)\n got %+v\nwant %+v", c.ref, got, c.want)
		}
	}
}

func TestDiscreteTag(t *testing.T) {
	discrete := []string{
		"1.2.3", "v1.2", "1.2.3-alpine", "1.25-bookworm", "v1.2.3_build.4", "20240131", "2024-01-31", "release-2.4.1",
		"sha-1a2b3c4", "g1a2b3c4d", "jdk17.0.9", "build-1234567", "3.19.1-r2",
		"1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d",
	}
	moving := []string{
		"", "latest", "stable", "1", "v2", "22", "alpine", "bookworm", "main", "edge", "Latest", "stable-alpine",
		"latest-1.2", "1-alpine", "nightly-20240131", "prod", "beefface", "0.1-snapshot",
	}
	for _, tag := range discrete {
		if !DiscreteTag(tag) {
			t.Errorf("DiscreteTag(%q) = false, want true", tag)
		}
	}
	for _, tag := range moving {
		if DiscreteTag(tag) {
			t.Errorf("DiscreteTag(%q) = true, want false", tag)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"nginx", "nginx:1.2", "a/b@sha256:" + strings.Repeat("0", 64), "sha256:00", "::", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Parse(s)
		if got.Ref != s {
			t.Fatalf("the reference changed: %q -> %q", s, got.Ref)
		}
		if got.Kind == "" && (got.Name != "" || got.ID != "") {
			t.Fatalf("a name without a kind: %+v", got)
		}
	})
}
