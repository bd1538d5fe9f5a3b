package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/identity/authz"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// applyReader reads all files before anything is asked of the server.
type applyReader struct {
	in     io.Reader
	tenant string
	docs   []*document
	files  int
	left   int64 // bytes
}

// readDocuments reads files, directories (*.yaml and *.yml in them, not below) and standard input ("-"), and checks every document.
func (a *App) readDocuments(names []string) ([]*document, error) {
	r := &applyReader{in: a.In, tenant: a.remote.tenant, left: mostApplyBytes}
	for _, name := range names {
		if err := r.add(name); err != nil {
			return nil, err
		}
	}
	if len(r.docs) == 0 {
		return nil, errors.New("there is no document in what was named with --file")
	}
	seen := map[string]string{}
	var errs []error
	for _, d := range r.docs {
		if err := d.validate(); err != nil {
			errs = append(errs, err)
		}
		if before := seen[d.key()]; before != "" {
			errs = append(errs, fmt.Errorf("%s: %s is there already, in %s", d.at, d.key(), before))
		}
		seen[d.key()] = d.at
	}
	return r.docs, errors.Join(errs...)
}

func (r *applyReader) add(name string) error {
	if name == "-" {
		return r.read("-", "", r.in)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return r.file(name)
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		// Tests of policies are YAML, too.
		if e.IsDir() || ext != ".yaml" && ext != ".yml" || strings.HasSuffix(e.Name(), ".test.yaml") {
			continue
		}
		found = true
		if err := r.file(filepath.Join(name, e.Name())); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s has no .yaml files", name)
	}
	return nil
}

func (r *applyReader) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.read(name, filepath.Dir(name), f)
}

// read takes a file's documents. dir is where the paths in it begin; there are none in standard input.
func (r *applyReader) read(name, dir string, from io.Reader) error {
	text, err := r.text(name, from)
	if err != nil {
		return err
	}
	docs, err := parseDocuments(name, r.tenant, text)
	if err != nil {
		return err
	}
	if r.docs = append(r.docs, docs...); len(r.docs) > mostApplyDocs {
		return fmt.Errorf("there are more than %d documents", mostApplyDocs)
	}
	for _, d := range docs {
		if len(d.paths) == 0 {
			continue
		}
		if dir == "" {
			return fmt.Errorf("%s: paths can't be used in standard input", d.at)
		}
		if err := r.policies(d, dir); err != nil {
			return fmt.Errorf("%s: %w", d.at, err)
		}
	}
	return nil
}

// text reads within the limits of all files together.
func (r *applyReader) text(name string, from io.Reader) ([]byte, error) {
	if r.files++; r.files > mostApplyFiles {
		return nil, fmt.Errorf("there are more than %d files", mostApplyFiles)
	}
	b, err := io.ReadAll(io.LimitReader(from, r.left+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if r.left -= int64(len(b)); r.left < 0 {
		return nil, fmt.Errorf("%s: the files have more than %d MiB together", name, mostApplyBytes>>20)
	}
	return b, nil
}

// policies reads what a PolicySet names in paths. Nothing outside the directory of its file is read, whatever it says.
func (r *applyReader) policies(d *document, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	set := d.spec.(*bulkheadv1.PolicySet)
	for _, path := range d.paths {
		names, err := policyFiles(root, path)
		if err != nil {
			return err
		}
		for _, name := range names {
			f, err := root.Open(name)
			if err != nil {
				return err
			}
			text, err := r.text(name, io.LimitReader(f, authz.MaxFile+1))
			f.Close()
			if err != nil {
				return err
			}
			if len(text) > authz.MaxFile {
				return fmt.Errorf("%s has more than %d bytes", name, authz.MaxFile)
			}
			set.Files = append(set.Files, &bulkheadv1.PolicyFile{Name: filepath.Base(name), Text: string(text)})
		}
	}
	return nil
}

// policyFiles is a file, or what is in a directory.
func policyFiles(root *os.Root, path string) ([]string, error) {
	info, err := root.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		return []string{path}, nil
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is no file and no directory", path)
	}
	dir, err := root.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(mostApplyFiles + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.Type().IsRegular() && (strings.HasSuffix(e.Name(), ".cedar") || strings.HasSuffix(e.Name(), ".test.yaml")) {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	slices.Sort(out)
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no .cedar files", path)
	}
	return out, nil
}
