package drill

import (
	_ "embed"

	"github.com/bulkhead-security/bulkhead/strict"
)

// titlesZH are the drills' titles in Chinese, by id.
//
//go:embed titles.zh.yaml
var titlesZH []byte

// readTitles reads titles by id, strictly: one that is there twice is an error.
func readTitles(text []byte) (map[string]string, error) {
	titles := map[string]string{}
	err := strict.YAML(text, &titles)
	return titles, err
}

// titled gives drills their Chinese titles.
func titled(drills []Drill) []Drill {
	titles, err := readTitles(titlesZH)
	if err != nil {
		return drills // the file is part of the program, and a test reads it; without it titles are English
	}
	for i := range drills {
		drills[i].TitleZH = titles[drills[i].ID]
	}
	return drills
}
