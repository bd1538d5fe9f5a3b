package bundle_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

func keys(t testing.TB, name string) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func signed(t testing.TB, s note.Signer, document any) *model.Bundle {
	t.Helper()
	data, digest, err := bundle.Encode(document)
	if err != nil {
		t.Fatal(err)
	}
	b := &model.Bundle{Kind: model.BundleSettings, Scope: "acme/default", Version: 7, Document: data}
	if err := bundle.Sign(b, s); err != nil {
		t.Fatal(err)
	}
	if b.Digest != digest {
		t.Errorf("digest %s, not %s", b.Digest, digest)
	}
	return b
}

var settings = bundle.Settings{Schema: bundle.Schema, Pool: "acme/default", CollectEvery: time.Minute, Assess: map[string]any{"max_image_age_days": 30.0}}

func TestAccept(t *testing.T) {
	s, v := keys(t, "bulkhead/policies")
	b := signed(t, s, settings)
	b.Digest = "what the sender says does not count"
	if err := bundle.Accept(b, v, "acme/default", 6); err != nil {
		t.Fatal(err)
	}
	var got bundle.Settings
	if err := bundle.Decode(b.Document, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(settings, got); d != "" || len(b.Digest) != 64 {
		t.Errorf("digest %q: %s", b.Digest, d)
	}
}

func TestAcceptRefuses(t *testing.T) {
	s, v := keys(t, "bulkhead/policies")
	otherKey, _ := keys(t, "bulkhead/policies")
	otherName, _ := keys(t, "somebody/else")
	for name, c := range map[string]struct {
		spoil func(*model.Bundle)
		scope string
		have  int64
		want  error
	}{
		"another key":        {spoil: func(b *model.Bundle) { resign(t, b, otherKey) }, want: bundle.ErrSignature},
		"another name":       {spoil: func(b *model.Bundle) { resign(t, b, otherName) }, want: bundle.ErrSignature},
		"no signature":       {spoil: func(b *model.Bundle) { b.Signature = "" }, want: bundle.ErrSignature},
		"garbage":            {spoil: func(b *model.Bundle) { b.Signature = "\x00\xff— \n\n— x y\n" }, want: bundle.ErrSignature},
		"long signature":     {spoil: func(b *model.Bundle) { b.Signature += strings.Repeat("— a b\n", 5000) }, want: bundle.ErrSignature},
		"changed":            {spoil: func(b *model.Bundle) { b.Document = bytes.Replace(b.Document, []byte("30"), []byte("31"), 1) }, want: bundle.ErrSignature},
		"newer than it is":   {spoil: func(b *model.Bundle) { b.Version++ }, want: bundle.ErrSignature},
		"of another kind":    {spoil: func(b *model.Bundle) { b.Kind = model.BundlePolicies }, want: bundle.ErrSignature},
		"scope changed":      {spoil: func(b *model.Bundle) { b.Scope = "acme/other" }, scope: "acme/other", want: bundle.ErrSignature},
		"for somebody else":  {scope: "acme/other", want: bundle.ErrScope},
		"older":              {have: 8, want: bundle.ErrOlder},
		"of the same number": {have: 7, want: bundle.ErrOlder},
		"too large":          {spoil: func(b *model.Bundle) { b.Document = make([]byte, bundle.MaxDocument+1); resign(t, b, s) }, want: bundle.ErrForm},
	} {
		t.Run(name, func(t *testing.T) {
			b := signed(t, s, settings)
			if c.spoil != nil {
				c.spoil(b)
			}
			scope := "acme/default"
			if c.scope != "" {
				scope = c.scope
			}
			if err := bundle.Accept(b, v, scope, c.have); !errors.Is(err, c.want) {
				t.Errorf("%v, not %v", err, c.want)
			}
		})
	}
}

func resign(t testing.TB, b *model.Bundle, s note.Signer) {
	t.Helper()
	if err := bundle.Sign(b, s); err != nil {
		t.Fatal(err)
	}
}

func TestEncodeIsBounded(t *testing.T) {
	if _, _, err := bundle.Encode(bundle.Settings{Pool: strings.Repeat("x", bundle.MaxDocument)}); err == nil {
		t.Error("a document without end was made")
	}
}

func TestDecodeIsStrict(t *testing.T) {
	for _, text := range []string{
		``, `{`, `[]`, `{"schema":1}`, `{"pool":"a","wish":1}`, `{} {}`, `{}}`, `{}]`, `{},`, "{}\x00",
	} {
		if err := bundle.Decode([]byte(text), &bundle.Settings{}); !errors.Is(err, bundle.ErrForm) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := bundle.Decode([]byte(" {}\n"), &bundle.Settings{}); err != nil {
		t.Error(err)
	}
}

func TestScopes(t *testing.T) {
	tenant, pool, ok := bundle.SplitScope(bundle.ScopeOfPool("acme", "default"))
	if !ok || tenant != "acme" || pool != "default" {
		t.Error(tenant, pool, ok)
	}
	if _, _, ok := bundle.SplitScope("acme"); ok {
		t.Error("a tenant is no pool")
	}
}

func FuzzAccept(f *testing.F) {
	s, v := keys(f, "bulkhead/policies")
	good := signed(f, s, settings)
	f.Add(string(good.Kind), good.Scope, good.Version, good.Document, good.Signature)
	f.Add("settings", "acme/default\n7", int64(-1), []byte("{}"), "bulkhead.bundle/v1\n\n— bulkhead/policies AAAA\n")
	f.Fuzz(func(t *testing.T, kind, scope string, version int64, document []byte, signature string) {
		b := &model.Bundle{Kind: model.BundleKind(kind), Scope: scope, Version: version, Document: document, Signature: signature}
		if bundle.Accept(b, v, scope, 0) != nil {
			return
		}
		if b.Kind != good.Kind || b.Scope != good.Scope || b.Version != good.Version || !bytes.Equal(b.Document, good.Document) {
			t.Error("something was accepted that was never signed")
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema":"bulkhead.bundle/v1","pool":"acme/default","collect_every":30000000000,"assess":{"a":[1]}}`))
	f.Add([]byte(`{"schema":"","tenant":"a","sets":[{"tenant":"a","version":1,"files":[{"name":"x.cedar","text":""}]}]}`))
	f.Add([]byte(`{"labels":{"a":"b"},"node":"n"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, into := range []any{&bundle.Policies{}, &bundle.Settings{}, &bundle.Assignment{}} {
			if bundle.Decode(data, into) != nil {
				continue
			}
			b, err := json.Marshal(into)
			if err != nil {
				t.Fatal(err)
			}
			if err := bundle.Decode(b, into); err != nil {
				t.Fatalf("read and written, and not to be read again: %v", err)
			}
		}
	})
}
