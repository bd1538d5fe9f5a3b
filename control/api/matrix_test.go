package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt")

// caller is a column of the matrix.
type caller struct {
	name   string
	tenant string // own
	other  string // one that is not the own
	secret string
}

// TestMatrix asks every method of the schema as every role, on what is in the own tenant and on what is in another.
func TestMatrix(t *testing.T) {
	w := newWorld(t, none)
	callers := w.callers()
	var text bytes.Buffer
	text.WriteString(matrixHead)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "METHOD\tACTION")
	for _, c := range callers {
		fmt.Fprint(table, "\t"+c.name)
	}
	fmt.Fprintln(table)
	for _, m := range methods() {
		a, ok := proto.GetExtension(m.Options(), bulkheadv1.E_Access).(*bulkheadv1.Access)
		if !ok || a == nil {
			t.Errorf("%s has no option access", m.FullName())
			continue
		}
		fmt.Fprintf(table, "%s.%s\t%s", strings.TrimSuffix(string(m.Parent().Name()), "Service"), m.Name(), marks(a))
		for _, c := range callers {
			cell := w.ask(c, m, a, c.tenant)
			if a.GetIdField()+a.GetTenantField() != "" {
				other := w.ask(c, m, a, c.other)
				if other == "yes" && c.tenant != "system" {
					t.Errorf("%s of %s reaches %s of %s", c.name, c.tenant, m.Name(), c.other)
				}
				cell += "/" + other
			}
			check(t, c, m, a, cell)
			fmt.Fprint(table, "\t"+cell)
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/matrix.txt", text.Bytes())
}

const matrixHead = `# Who gets through the gate, with the shipped policies: OWN TENANT/OTHER TENANT, or one answer where a method is about the
# caller, the installation or nobody. Made by TestMatrix from the schema; "go test ./control/api -run Matrix -update" writes it.
# yes: through. hidden: not_found. factor, step-up, approval: what is missing. who: nobody is signed in.
# Actions: ? public, ~ own account, ! changes something, * needs a fresh factor.
`

func marks(a *bulkheadv1.Access) string {
	out := a.GetAction()
	switch a.GetDoor() {
	case bulkheadv1.Door_DOOR_PUBLIC:
		return "?"
	case bulkheadv1.Door_DOOR_SELF:
		out = "~" + out
	}
	if a.GetEffect() != bulkheadv1.Effect_EFFECT_READ {
		out += "!"
	}
	if a.GetDangerous() {
		out += "*"
	}
	return out
}

// check holds the cells to what must be so whatever the golden file says.
func check(t *testing.T, c caller, m protoreflect.MethodDescriptor, a *bulkheadv1.Access, cell string) {
	t.Helper()
	yes := strings.Contains(cell, "yes")
	public, self := a.GetDoor() == bulkheadv1.Door_DOOR_PUBLIC, a.GetDoor() == bulkheadv1.Door_DOOR_SELF
	node := a.GetDoor() == bulkheadv1.Door_DOOR_NODE
	changes := a.GetEffect() != bulkheadv1.Effect_EFFECT_READ
	wrong := func(why string) { t.Errorf("%s, %s: %s: %s", m.FullName(), c.name, cell, why) }
	switch {
	case public && cell != "yes":
		wrong("the public door is closed")
	case public:
	case c.name == "nobody" && cell != "who" && cell != "who/who":
		wrong("somebody who is not signed in")
	case node && yes && c.name != "node":
		wrong("somebody speaks for a node")
	case node:
	case yes && a.GetDangerous() && (c.name == "stale-adm" || c.name == "token"):
		wrong("without a fresh factor")
	case yes && !self && (c.name == "pending" || c.name == "adm-1fa"):
		wrong("without a second factor")
	case yes && changes && !self && strings.HasPrefix(c.name, "auditor") && m.Name() != "CreateReport":
		// Everybody may make and revoke own tokens; the objects here are others'. A report is what an auditor is there for.
		wrong("an auditor changes something")
	case c.name == "admin" && cell != "yes" && cell != "yes/yes" && !self:
		wrong("the administrator is kept out")
	}
}

func (w *world) callers() []caller {
	now := time.Now()
	single := model.Strength{AMR: []string{"pwd"}, Time: now}
	pending := single
	pending.Pending = true
	stale := strong()
	stale.FactorTime = now.Add(-time.Hour)
	w.account("admin", "system", strong(), model.RoleAdministrator)
	w.account("stale-adm", "system", stale, model.RoleAdministrator)
	w.account("adm-1fa", "system", single, model.RoleAdministrator)
	w.account("auditor-s", "system", strong(), model.RoleAuditor)
	w.account("auditor-t", "acme", strong(), model.RoleAuditor)
	w.account("operator", "acme", strong(), model.RoleOperator)
	of := w.account("op-node", "acme", strong(), model.RoleOperator)
	of.Hosts = []string{"acme-node"}
	if err := w.store.UpdateAccount(w.t.Context(), of); err != nil {
		w.t.Fatal(err)
	}
	owner := w.account("owner", "acme", strong(), model.RoleOwner)
	w.account("developer", "acme", strong(), model.RoleDeveloper)
	w.account("pending", "acme", pending, model.RoleOwner)
	w.signIn("bhs_token", owner.ID, strong(), model.Ref{Type: "Token", ID: "t1"}, []string{"AssessmentPublish"})
	w.signIns["bhs_node"] = func() (model.Principal, error) { //nolint:unparam // the others of the map fail
		return model.Principal{
			Ref: model.Ref{Type: "Node", ID: "acme-node"}, Name: "node", Tenant: "acme", Roles: []string{model.RoleNode},
			Credential: model.Ref{Type: "Certificate", ID: "c1"}, Auth: model.Strength{AMR: []string{"hwk"}},
		}, nil
	}
	var out []caller
	for _, name := range []string{"admin", "stale-adm", "adm-1fa", "auditor-s"} {
		out = append(out, caller{name: name, tenant: "system", other: "acme", secret: "bhs_" + name})
	}
	for _, name := range []string{"auditor-t", "operator", "op-node", "owner", "developer", "node", "pending", "token"} {
		out = append(out, caller{name: name, tenant: "acme", other: "globex", secret: "bhs_" + name})
	}
	return append(out, caller{name: "nobody", tenant: "acme", other: "globex"})
}

func methods() []protoreflect.MethodDescriptor {
	var out []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("bulkhead.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				out = append(out, f.Services().Get(i).Methods().Get(j))
			}
		}
		return true
	})
	slices.SortStableFunc(out, func(a, b protoreflect.MethodDescriptor) int {
		return strings.Compare(string(a.Parent().FullName()), string(b.Parent().FullName()))
	})
	return out
}

// ask calls a method about something of a tenant and says in a word what came of it.
func (w *world) ask(c caller, m protoreflect.MethodDescriptor, a *bulkheadv1.Access, tenant string) string {
	w.t.Helper()
	msg := dynamicpb.NewMessage(m.Input())
	sample(msg, tenant)
	if a.GetIdField() != "" {
		set(msg, a.GetIdField(), objectID(a.GetResource(), tenant))
	}
	if a.GetTenantField() != "" {
		set(msg, a.GetTenantField(), tenant)
	}
	status, body := w.post(c.secret, m, msg)
	if tenant == "globex" && c.tenant != tenant && strings.Contains(body, marker) {
		w.t.Errorf("%s, %s: the answer names what is in %s: %s", m.FullName(), c.name, tenant, body)
	}
	code := errorCode(w.t, body)
	word, ok := map[string]string{
		"unimplemented": "yes", "not_found": "hidden", "denied": "no", "factor_required": "factor", "step_up_required": "step-up",
		"approval_required": "approval", "unauthenticated": "who",
	}[code]
	if !ok {
		w.t.Errorf("%s, %s: %d %s", m.FullName(), c.name, status, body)
		return "?"
	}
	return word
}

func (w *world) post(secret string, m protoreflect.MethodDescriptor, msg proto.Message) (int, string) {
	w.t.Helper()
	body, err := protojson.Marshal(msg)
	if err != nil {
		w.t.Fatal(err)
	}
	kind := "application/json"
	if m.IsStreamingServer() {
		kind = "application/connect+json"
		body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/"+string(m.Parent().FullName())+"/"+string(m.Name()), bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

// errorCode is the detail's code, or Connect's own where there is no detail.
func errorCode(t testing.TB, body string) string {
	t.Helper()
	if at := strings.IndexByte(body, '{'); at > 0 { // the envelope of a stream
		body = body[at:]
	}
	type failure struct {
		Code    string `json:"code"`
		Details []struct {
			Value string `json:"value"`
		} `json:"details"`
	}
	var e struct {
		failure
		Error *failure `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if e.Error != nil {
		e.failure = *e.Error
	}
	if len(e.Details) == 0 {
		return e.Code
	}
	raw, err := base64.RawStdEncoding.DecodeString(e.Details[0].Value)
	detail := &bulkheadv1.ErrorDetail{}
	if err != nil || proto.Unmarshal(raw, detail) != nil {
		t.Fatalf("detail %q", e.Details[0].Value)
	}
	return detail.GetCode()
}

func objectID(kind, tenant string) string {
	switch kind {
	case "Tenant":
		return tenant
	case "AccessRequest":
		return id(tenant, "access")
	case "PolicyProposal":
		return id(tenant, "proposal")
	case "Pool":
		return poolOf(tenant)
	case "Record":
		return fmt.Sprintf("log/%d", slices.Index(tenants, tenant))
	}
	return id(tenant, strings.ToLower(kind))
}

// sample fills a message with values of the right form, by the names of the fields.
func sample(m protoreflect.Message, tenant string) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch {
		case f.Message() != nil && f.Message().FullName() == "bulkhead.v1.ObjectRef":
			ref := m.Mutable(f).Message()
			set(ref, "type", "Tenant")
			set(ref, "id", tenant)
		case f.IsList() && f.Name() == "scopes":
			m.Mutable(f).List().Append(protoreflect.ValueOfString("Read"))
		case f.IsList() && f.Name() == "findings" && f.Message().Name() == "FindingRef":
			ref := m.Mutable(f).List().AppendMutable().Message()
			set(ref, "node", "n")
			set(ref, "id", "f")
		case f.IsList() && f.Name() == "results":
			one := m.Mutable(f).List().AppendMutable().Message()
			sample(one, tenant)
		case f.IsList() || f.IsMap():
		case f.Message() != nil && slices.Contains([]protoreflect.Name{"user", "group", "tenant", "node", "pool", "exception", "time"}, f.Name()):
			sample(m.Mutable(f).Message(), tenant)
		case f.Message() != nil && slices.Contains([]protoreflect.Name{"document", "response"}, f.Name()):
			m.Mutable(f)
		case f.Kind() == protoreflect.BytesKind:
			m.Set(f, protoreflect.ValueOfBytes([]byte{1}))
		case f.Kind() == protoreflect.StringKind:
			if v, ok := samples[f.Name()]; ok {
				m.Set(f, protoreflect.ValueOfString(v))
			}
		}
	}
}

var samples = map[protoreflect.Name]string{
	"id": "new", "name": "new", "code": "123456", "password": "a long password", "old_password": "a long password",
	"new_password": "another password", "provider": "p", "client": "c", "user_code": "WDJB-MJHT", "device_code": "bhd_x",
	"note": "a note", "action": "UserDelete", "reason": "a reason that is long", "kind": "retention",
	"check": "8.1.c", "owner": "o", "expires": "2099-01-01", "decision": "halt", "token": "t", "run": "r", "key": "k",
	"format": "json", "drill": "8.5.c/x", "verdict": "proved", "without_control": "attack_succeeded", "with_control": "attack_failed", "node": "n", "transfer": "t",
}

func set(m protoreflect.Message, path, value string) {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		m = m.Mutable(m.Descriptor().Fields().ByName(protoreflect.Name(name))).Message()
	}
	m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(names[len(names)-1])), protoreflect.ValueOfString(value))
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		for i, line := range strings.Split(string(got), "\n") {
			if old := strings.Split(string(want), "\n"); i >= len(old) || old[i] != line {
				t.Errorf("line %d is now:\n%s", i+1, line)
			}
		}
	}
}
