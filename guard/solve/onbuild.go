package solve

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	image "github.com/moby/docker-image-spec/specs-go/v1"
)

// imageConfig is where the client describes an image for the builder (exporter/containerimage/exptypes).
const imageConfig = "containerimage.config"

// trigger reads what an image does once it is built upon: by a later stage of the same file, or in another build. Nothing is known of the
// variables there; those that it sets are noted as later ones may find them.
func (d *file) trigger(text string, later vars) error {
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("%w: ONBUILD %.100q: %w", errNoDockerfile, text, short(err))
	}
	if len(result.AST.Children) != 1 {
		return fmt.Errorf("%w: ONBUILD %.100q is no instruction", errNoDockerfile, text)
	}
	c, err := instructions.ParseCommand(result.AST.Children[0])
	if err != nil {
		return fmt.Errorf("%w: ONBUILD %.100q: %w", errNoDockerfile, text, short(err))
	}
	set := vars{}
	if err := d.command(c, set); err != nil {
		return fmt.Errorf("ONBUILD: %w", err)
	}
	for name := range set {
		later[name] = nil
	}
	return nil
}

// mostTriggers are those of one image.
const mostTriggers = 200

// builtUpon reads what an image does once it is built upon, as the first of a stage. env is what is known of the stage's variables.
func (d *file) builtUpon(base string, env vars) error {
	list := d.triggers[base]
	if len(list) > mostTriggers {
		return fmt.Errorf("the image %.100q has more than %d triggers (ONBUILD)", base, mostTriggers)
	}
	for _, text := range list {
		if len(text) > MostDockerfile {
			return fmt.Errorf("a trigger of the image %.100q has %d bytes", base, len(text))
		}
		if err := d.trigger(text, env); err != nil {
			return fmt.Errorf("a trigger of the image %.100q: %v", base, err) //nolint:errorlint // the file itself was read
		}
	}
	return nil
}

// platformOf notes an image that is wanted for another platform than the host's.
func (d *file) platformOf(s *instructions.Stage, base string) {
	other := d.other
	if s.Platform != "" {
		text, err := d.word(s.Platform, d.global)
		other = err != nil || !isOwn(text)
	}
	if other && base != scratch && base != "" {
		d.name(&d.s.ForOthers, base, fileName+" FROM")
	}
}

// isOwn says whether a platform is the host's.
func isOwn(platform string) bool {
	own := runtime.GOOS + "/" + runtime.GOARCH
	return platform == own || runtime.GOARCH == "arm64" && platform == own+"/v8"
}

// metadata is what the client says of an image that is built in another part: its triggers run, and are in no file.
func (r *reading) metadata(text, field string) {
	parts := map[string][]byte{}
	if err := json.Unmarshal([]byte(text), &parts); err != nil {
		r.unknown(field, "it is no description of an image")
		return
	}
	said, has := parts[imageConfig]
	if !has {
		return
	}
	var i image.DockerOCIImage
	if err := json.Unmarshal(said, &i); err != nil {
		r.unknown(field, "it is no description of an image")
	} else if len(i.Config.OnBuild) > 0 {
		r.unknown(field, "the image has triggers (ONBUILD), which the guard does not read there: write them into the Dockerfile that begins with it")
	}
}
