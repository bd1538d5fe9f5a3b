package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const applyHead = "apiVersion: bulkhead/v1\n"

func documents(t *testing.T, text string) ([]*document, error) {
	t.Helper()
	a := &App{In: strings.NewReader(text)}
	return a.readDocuments([]string{"-"})
}

func TestApplyRefusesFiles(t *testing.T) {
	pool := applyHead + "kind: Pool\nmetadata: {name: web, tenant: acme}\nspec:\n"
	deep := strings.Repeat("{a: ", 40) + "1" + strings.Repeat("}", 40)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"\n---\n# only a remark\n---\n", "no document"},
		"no YAML":             {"a: [", "-: yaml: line"},
		"a list":              {"- a\n", "-:1: here must be"},
		"version":             {"apiVersion: v1\nkind: Pool\nmetadata: {name: a}\nspec: {}\n", `-:1: apiVersion is "v1"`},
		"kind":                {applyHead + "kind: Pod\nmetadata: {name: a}\nspec: {}\n", `-:2: unknown kind "Pod"; kinds are Tenant, Group`},
		"no spec":             {applyHead + "kind: Pool\nmetadata: {name: a, tenant: b}\n", "-:1: the document has no spec"},
		"unknown at the top":  {applyHead + "kind: Pool\nstatus: {}\n", `-:3: unknown field "status"`},
		"no tenant":           {applyHead + "kind: Pool\nmetadata: {name: a}\nspec: {}\n", "-:3: metadata has no tenant"},
		"no name":             {applyHead + "kind: Pool\nmetadata: {tenant: a}\nspec: {}\n", "-:3: metadata has no name"},
		"tenant of a tenant":  {applyHead + "kind: Tenant\nmetadata: {name: a, tenant: b}\nspec: {}\n", "in no tenant"},
		"unknown in the spec": {pool + "  descr: x\n", `-:5: unknown field "descr"; here can be description, settings, plan, windows`},
		"server's own field":  {pool + "  settings_version: 4\n", `-:5: unknown field "settings_version"`},
		"unknown, deeper":     {pool + "  settings:\n    collect: 30s\n", `-:6: unknown field "collect"; here can be collect_every, assess`},
		"unknown, in a list":  {pool + "  windows:\n    - {begins: 0 2 * * 6, lasts: 1h}\n    - {begin: 0 2 * * 6}\n", `-:7: unknown field "begin"`},
		"text for a number":   {pool + "  plan: {most_findings: many}\n", "-:5: most_findings must be a whole number"},
		"number for text":     {pool + "  description: 5\n", "-:5: description must be text; put it in quotes"},
		"text for a bool":     {pool + "  plan: {roll_back: 'yes'}\n", "roll_back must be true or false"},
		"a list for one":      {pool + "  description: [a]\n", "must be a single value"},
		"one for a list":      {pool + "  windows: {}\n", "-:5: windows must be a list"},
		"duration":            {pool + "  plan: {soak: 600}\n", "soak must be a time such as"},
		"duration below 0":    {pool + "  plan: {soak: -5m}\n", "soak must be a time such as"},
		"number too large":    {pool + "  plan: {most_findings: 99999999999}\n", "-:5: spec: "},
		"rule of the API":     {pool + "  plan: {most_findings: 2000}\n", "-:1: plan.most_findings"},
		"rule, name":          {applyHead + "kind: Pool\nmetadata: {name: Web_, tenant: acme}\nspec: {}\n", "-:1: name"},
		"null":                {pool + "  description:\n", "-:5: there is no value"},
		"twice in a mapping":  {pool + "  description: a\n  description: b\n", `-:6: the field "description" is there twice`},
		"alias":               {pool + "  description: &a x\n", "-:5: anchors and aliases"},
		"alias in free text":  {pool + "  settings:\n    assess:\n      a: &x [1]\n      b: *x\n", "anchors and aliases"},
		"merge":               {pool + "  settings:\n    <<: {collect_every: 1s}\n", "-:6: a field's name must be plain text"},
		"too deep":            {pool + "  settings: {assess: " + deep + "}\n", "nested more than 32"},
		"infinite":            {pool + "  settings: {assess: {a: .inf}}\n", "spec"},
		"binary":              {pool + "  settings: {assess: {a: !!binary aGk=}}\n", "!!binary are not taken"},
		"label is a number":   {applyHead + "kind: Node\nmetadata: {name: a, tenant: b}\nspec: {labels: {rack: 1}}\n", "-:4: value must be text"},
		"exception, no owner": {applyHead + "kind: Exception\nmetadata: {tenant: a}\nspec: {check: 8.1.c, reason: r, expires: 2030-01-01}\n", "-:1: owner"},
		"exception, no day":   {applyHead + "kind: Exception\nmetadata: {tenant: a}\nspec: {check: 8.1.c, owner: o, reason: r, expires: soon}\n", "-:1: expires"},
		"policies of nobody":  {applyHead + "kind: PolicySet\nmetadata: {tenant: a}\nspec: {note: x}\n", "needs files or paths"},
		"policies, one name":  {applyHead + "kind: PolicySet\nmetadata: {tenant: a}\nspec: {files: [{name: a.cedar, text: ''}, {name: a.cedar, text: ''}]}\n", "two files a.cedar"},
		"paths from nowhere":  {applyHead + "kind: PolicySet\nmetadata: {tenant: a}\nspec: {paths: [/etc/passwd]}\n", "can't be used in standard input"},
		"the same twice":      {pool + "  description: a\n---\n" + pool + "  description: b\n", "Pool acme/web is there already, in -:1"},
		"the same, two lines": {strings.Repeat(applyHead+"kind: Exception\nmetadata: {tenant: a}\nspec: {check: c, owner: o, reason: r, expires: 2030-01-01}\n---\n", 2), "-:6: Exception a/c is there already"},
		"too much":            {strings.Repeat("#", mostApplyBytes+1), "more than 4 MiB"},
		"too many":            {strings.Repeat(pool+"  description: a\n---\n", mostApplyDocs+1), "more than 2000 documents"},
	} {
		_, err := documents(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestApplyReadsTheExample(t *testing.T) {
	a := &App{}
	docs, err := a.readDocuments([]string{"../docs/examples/apply"})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, d := range docs {
		keys = append(keys, d.key())
	}
	want := "Tenant acme, Group acme/night-shift, Pool acme/web, Node acme/web-1, Exception acme/8.1.c/socket-mode of legacy-* on node web-1, PolicySet acme"
	if got := strings.Join(keys, ", "); got != want {
		t.Errorf("%s", got)
	}
	pool := docs[2].spec.(*bulkheadv1.Pool)
	if pool.GetPlan().GetSoak().AsDuration().Minutes() != 10 || pool.GetSettings().GetAssess().GetFields()["max_image_age_days"].GetNumberValue() != 90 || len(pool.GetWindows()) != 1 {
		t.Errorf("%s", protojson.Format(pool))
	}
	if e := docs[4].spec.(*bulkheadv1.Exception); e.GetExpires() < inMonths(5) || e.GetExpires() > inMonths(7) {
		t.Errorf("%s", protojson.Format(e))
	}
	var files []model.PolicyFile
	for _, f := range docs[5].spec.(*bulkheadv1.PolicySet).GetFiles() {
		files = append(files, model.PolicyFile{Name: f.GetName(), Text: f.GetText()})
	}
	engine, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if problems := engine.Schema().Validate(t.Context(), "acme", files); len(files) != 2 || len(problems) > 0 {
		t.Errorf("%d files: %v", len(files), problems)
	}
}

// Paths stay below the directory of the file that names them.
func TestApplyPathsStayInside(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("secret.cedar", "secret")
	put("in/sub/b.cedar", "b")
	put("in/sub/b.test.yaml", "t")
	put("in/sub/notes.txt", "n")
	put("in/a.cedar", "a")
	put("in/large.cedar", strings.Repeat("x", authz.MaxFile+1))
	put("in/empty/x", "")
	if err := os.Symlink("../secret.cedar", filepath.Join(dir, "in", "link.cedar")); err != nil {
		t.Fatal(err)
	}
	for paths, want := range map[string]string{
		"sub, a.cedar":     "",
		"../secret.cedar":  "escapes",
		"link.cedar":       "escapes",
		"/etc/passwd":      "escapes",
		"missing":          "no such file",
		"large.cedar":      "more than",
		"empty":            "no .cedar files",
		"a.cedar, a.cedar": "two files",
	} {
		put("in/set.yaml", applyHead+"kind: PolicySet\nmetadata: {tenant: acme}\nspec: {paths: ["+paths+"]}\n")
		docs, err := new(App).readDocuments([]string{filepath.Join(dir, "in")})
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret\n") {
				t.Errorf("%s: %v", paths, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := renderPolicies(docs[0].spec.(*bulkheadv1.PolicySet)); got != "// file a.cedar\na\n// file b.cedar\nb\n// file b.test.yaml\nt\n" {
			t.Errorf("%q", got)
		}
	}
}

// FuzzApplyFiles: whatever is read, nothing is taken that can't be compared and shown.
func FuzzApplyFiles(f *testing.F) {
	for _, name := range []string{"10-tenant.yaml", "20-fleet.yaml", "30-policies.yaml"} {
		b, err := os.ReadFile("../docs/examples/apply/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(applyHead + "kind: PolicySet\nmetadata: {tenant: a}\nspec: {files: [{name: a.cedar, text: \"x\"}]}\n"))
	f.Add([]byte("a: &a [*a]\n---\n? {b: c}\n: d\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a := &App{In: bytes.NewReader(text)}
		docs, err := a.readDocuments([]string{"-"})
		if err != nil {
			if len(docs) > 0 && strings.TrimSpace(err.Error()) == "" {
				t.Fatal("an error without words")
			}
			return
		}
		for _, d := range docs {
			st, err := compare(d, nil)
			if err != nil {
				t.Fatal(err)
			}
			same, err := compare(d, []there{{d.kind, d.tenant, d.name, d.spec}})
			if err != nil || same.Operation != opUnchanged {
				t.Fatalf("%s differs from itself: %+v, %v", d.key(), same, err)
			}
			if st.Operation == opDelete {
				t.Fatalf("%+v", st)
			}
		}
	})
}
