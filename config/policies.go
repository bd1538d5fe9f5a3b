package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// ReadPolicies reads the policies and tests of a directory; other files are left alone.
func ReadPolicies(dir string) ([]model.PolicyFile, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of policies: %w", err)
	}
	defer root.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the directory of policies: %w", err)
	}
	var files []model.PolicyFile
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".cedar") && !strings.HasSuffix(e.Name(), ".test.yaml") {
			continue
		}
		info, err := root.Stat(e.Name())
		if err != nil {
			return nil, fmt.Errorf("read a policy: %w", err)
		}
		if !info.Mode().IsRegular() || info.Size() > authz.MaxFile {
			return nil, fmt.Errorf("%s is no file of at most %d bytes", e.Name(), authz.MaxFile)
		}
		b, err := root.ReadFile(e.Name())
		if err != nil {
			return nil, fmt.Errorf("read a policy: %w", err)
		}
		files = append(files, model.PolicyFile{Name: e.Name(), Text: string(b)})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no .cedar files; `bulkhead policy get --dir` writes those in force", dir)
	}
	return files, nil
}
