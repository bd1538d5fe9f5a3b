package images

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// image is what is read of an image: nothing that is as long as its maker likes.
type image struct {
	ID          string   `json:"Id"`
	RepoTags    []string `json:"RepoTags"`
	RepoDigests []string `json:"RepoDigests"`
	Labels      struct {
		Build string `json:"io.bulkhead.build,omitempty"` // call.LabelBuild
	} `json:"Labels"`
}

// list has what every name stands for, and every id for itself; and by id who the guard noted in an image to have built it.
func (i *Images) list(ctx context.Context) (names, built map[string]string, err error) {
	names, built = map[string]string{}, map[string]string{}
	status, err := i.engine.List(ctx, "/images/json?all=1", func(d *jsontext.Decoder) error {
		var m image
		if err := jsonv2.UnmarshalDecode(d, &m); err != nil {
			return fmt.Errorf("an image: %w", err)
		}
		m.add(names)
		if m.Labels.Build != "" {
			built[m.ID] = m.Labels.Build
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if status != http.StatusOK {
		return nil, nil, fmt.Errorf("the engine does not list its images: %d", status)
	}
	return names, built, nil
}

func (m *image) add(names map[string]string) {
	names[m.ID] = m.ID
	for _, t := range m.RepoTags {
		names[Normal(t)] = m.ID
	}
	for _, t := range m.RepoDigests {
		names[Normal(t)] = m.ID
	}
}

// used adds images that containers were made of. They are whose they were, also when they are in no list of images any more.
func (i *Images) used(ctx context.Context, names map[string]string) error {
	used := map[string]string{}
	status, err := i.engine.List(ctx, "/containers/json?all=1", func(d *jsontext.Decoder) error {
		var c struct {
			ImageID string `json:"ImageID"`
		}
		if err := jsonv2.UnmarshalDecode(d, &c); err != nil {
			return fmt.Errorf("a container: %w", err)
		}
		if c.ImageID != "" {
			used[c.ImageID] = c.ImageID
		}
		return nil
	})
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the engine does not list its containers: %d", status)
	}
	maps.Copy(names, used)
	return nil
}

// told is what the names of the call stand for, and what the engine said that it made, where it can't list all. All says whether it answered
// for each name.
func (m *Making) told(ctx context.Context) (names map[string]string, all bool) {
	names, all = map[string]string{}, m.repository == ""
	for _, id := range m.said.ids {
		names[id] = id
	}
	for name := range m.names {
		if name == "" {
			continue
		}
		status, text, err := m.i.engine.Get(ctx, "/images/"+name+"/json")
		var one struct {
			ID string `json:"Id"`
		}
		switch {
		case err == nil && status == http.StatusNotFound:
		case err != nil || status != http.StatusOK || jsonv2.Unmarshal(text, &one, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil || !isID(one.ID):
			all = false
		default:
			names[name], names[one.ID] = one.ID, one.ID
		}
	}
	return names, all
}
