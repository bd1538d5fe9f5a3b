package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// descriptor is an OCI descriptor, as far as it is needed to find an image's layers.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
	Platform    *struct {
		OS string `json:"os"`
	} `json:"platform"`
}

// maxDepth bounds how deep indexes are nested and links lead on.
const maxDepth = 8

// order returns the names of the layers, the lowest first.
func (a *archive) order() ([]string, error) {
	if raw, ok := a.documents["manifest.json"]; ok {
		var images []struct{ Layers []string }
		if err := json.Unmarshal(raw, &images); err != nil {
			return nil, fmt.Errorf("manifest.json: %w", err)
		}
		if len(images) != 1 {
			return nil, fmt.Errorf("manifest.json names %d images, want one", len(images))
		}
		return images[0].Layers, nil
	}
	raw, ok := a.documents["index.json"]
	if !ok {
		return nil, errors.New("there is neither manifest.json nor index.json in it; it is incomplete or no image")
	}
	return a.fromIndex(raw, maxDepth)
}

// fromIndex follows an OCI index to the one image in it.
func (a *archive) fromIndex(raw []byte, depth int) ([]string, error) {
	if depth == 0 {
		return nil, errors.New("indexes are nested too deep")
	}
	var doc struct {
		Manifests []descriptor `json:"manifests"`
		Layers    []descriptor `json:"layers"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if len(doc.Layers) > 0 || len(doc.Manifests) == 0 {
		var names []string
		for _, l := range doc.Layers {
			names = append(names, blob(l.Digest))
		}
		return names, nil
	}
	for _, m := range doc.Manifests {
		if m.Annotations["vnd.docker.reference.type"] != "" || m.Platform != nil && m.Platform.OS == "unknown" {
			continue // an attestation
		}
		// Of an image for many machines the archive holds the one that is here.
		if next, ok := a.documents[blob(m.Digest)]; ok {
			return a.fromIndex(next, depth-1)
		}
	}
	return nil, errors.New("the index names no image that is in the archive")
}

func blob(digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return path.Join("blobs", algorithm, hex)
}

// layer returns the layer with the name, also where another name leads to it.
func (a *archive) layer(name string) (*layer, error) {
	name = strings.TrimPrefix(clean(name), "/")
	for at, n := name, 0; n < maxDepth; n++ {
		if l, ok := a.layers[at]; ok {
			return l, nil
		}
		next, ok := a.links[at]
		if !ok {
			break
		}
		at = next
	}
	return nil, fmt.Errorf("layer %s is missing", name)
}
