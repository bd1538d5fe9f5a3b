package solve

import (
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// What an image does once it is built upon is done by each stage that begins with it, as if it stood there.
func TestTriggersOfImages(t *testing.T) {
	const two = "FROM a:1 AS b\nFROM b\nADD x /\n"
	for name, c := range map[string]struct {
		text              string
		triggers          []string
		images, addresses string
		unknown           string
	}{
		"copies":            {text: two, triggers: []string{"COPY --from=victim/secret /s /s", "RUN --mount=from=m:1,target=/m true"}, images: "a:1 victim/secret m:1"},
		"fetches":           {text: two, triggers: []string{"ADD https://h.test/x /"}, images: "a:1", addresses: "https://h.test/x"},
		"of a stage":        {text: two, triggers: []string{"COPY --from=b /s /s"}, images: "a:1"},
		"as people write":   {text: two, triggers: []string{"ARG NODE_ENV", "ENV NODE_ENV $NODE_ENV", "COPY package.json /app/", "RUN npm install", "ADD . /app"}, images: "a:1"},
		"of another image":  {text: "FROM other", triggers: []string{"COPY --from=victim/secret / /"}, images: "other"},
		"variable":          {text: two, triggers: []string{"ADD $U /"}, images: "a:1", unknown: "the base image may say what"},
		"what it sets":      {text: "FROM a:1\nARG V=1\nADD $V /", triggers: []string{"ENV V=https://h.test/x"}, images: "a:1"},
		"what it sets only": {text: "FROM a:1\nADD $V /", triggers: []string{"ENV V=https://h.test/x"}, images: "a:1", unknown: "the base image may say what"},
		"many":              {text: two, triggers: make([]string, mostTriggers+1), images: "a:1", unknown: "more than"},
		"none to read":      {text: two, triggers: []string{"WHATEVER x"}, images: "a:1", unknown: "a trigger of the image"},
		"two in one":        {text: two, triggers: []string{"RUN true\nADD https://h.test/x /"}, images: "a:1", unknown: "is no instruction"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, own := range []bool{true, false} {
				s, err := Dockerfile(t.Context(), []byte(c.text), &call.BuildFile{Own: own}, map[string][]string{"a:1": c.triggers})
				if err != nil {
					t.Fatal(err)
				}
				var images []string
				for _, i := range s.Images {
					images = append(images, i.Name)
				}
				if strings.Join(images, " ") != c.images || strings.Join(s.Fetches, " ") != c.addresses {
					t.Errorf("%v %v", images, s.Fetches)
				}
				if all := strings.Join(s.Unknown, "; "); (c.unknown == "") != (all == "") || !strings.Contains(all, c.unknown) {
					t.Errorf("unknown: %q", all)
				}
			}
		})
	}
}

// It is told which images are wanted for another platform than the host's: what is known of an image here is not known of those.
func TestForOthers(t *testing.T) {
	own := runtime.GOOS + "/" + runtime.GOARCH
	for text, want := range map[string]string{
		"FROM a": "", "FROM --platform=" + own + " a": "", "FROM --platform=$BUILDPLATFORM a": "", "FROM --platform=linux/s390x a": "a", "FROM --platform=$X a": "a",
		"FROM --platform=linux/s390x scratch": "", "FROM a AS b\nFROM --platform=linux/s390x b": "",
	} {
		s, err := Dockerfile(t.Context(), []byte(text), &call.BuildFile{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(s.ForOthers); got != len(want) || got == 1 && s.ForOthers[0].Name != want {
			t.Errorf("%s: %+v", text, s.ForOthers)
		}
	}
	for platform, want := range map[string]int{own: 0, "linux/s390x": 1} {
		s, err := Dockerfile(t.Context(), []byte("FROM a\nFROM --platform=$BUILDPLATFORM b"), &call.BuildFile{Platforms: []string{platform}}, nil)
		if err != nil || len(s.ForOthers) != want {
			t.Errorf("%s: %+v %v", platform, s.ForOthers, err)
		}
	}
}
