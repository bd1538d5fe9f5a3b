// Package oscal writes the catalogue, what Bulkhead measures of it, and an assessment as OSCAL 1.2.1 documents: catalog,
// component definition and assessment results.
//
// It is pure and deterministic: identifiers are derived from names and content, times come from the catalogue or the
// assessment, so that the same input gives the same bytes. It may import model and framework packages. It holds only
// the part of OSCAL that Bulkhead writes and reads none.
package oscal

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// Version is the version of OSCAL that the documents follow.
const Version = "1.2.1"

// Namespace marks properties and parts that OSCAL itself does not define.
const Namespace = "https://github.com/bulkhead-security/bulkhead/ns/oscal"

// File names under which the documents refer to each other.
const (
	CatalogFile    = "catalog.json"
	ComponentsFile = "component-definition.json"
)

// Meta is what a document says of itself.
type Meta struct {
	// Lang is the language of its texts: "zh", else English. Product is the version of Bulkhead that writes it.
	Lang    string
	Product string
}

// write writes the document under the name of its model.
func write(w io.Writer, root string, doc any) error {
	if err := report.WriteJSON(w, map[string]any{root: doc}); err != nil {
		return fmt.Errorf("oscal: the document could not be written: %w", err)
	}
	return nil
}

// space is the root of all identifiers; a version 5 UUID of a name is the same wherever it is made.
var space = uuid.NewSHA1(uuid.NameSpaceURL, []byte(Namespace))

func id(parts ...string) string {
	return uuid.NewSHA1(space, []byte(strings.Join(parts, "\x00"))).String()
}

// contentID identifies a document by what it says, as OSCAL wants another identifier for another content.
func contentID(d any) (string, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("oscal: the document has no JSON form: %w", err)
	}
	return uuid.NewSHA1(space, text).String(), nil
}

func metadata(title, modified, version string, m Meta) docMetadata {
	return docMetadata{
		Title: line(title), LastModified: modified, Version: version, OSCALVersion: Version,
		Props: []property{own("language", language(m.Lang))},
	}
}

func language(lang string) string {
	if lang == "zh" {
		return "zh"
	}
	return "en"
}

// productVersion is never empty, since OSCAL demands a version.
func productVersion(m Meta) string {
	if v := line(m.Product); v != "" {
		return v
	}
	return "unversioned"
}

// own is a property of ours. Its value must not be empty.
func own(name, value string) property {
	return property{Name: name, NS: Namespace, Value: line(value)}
}

// line makes a text fit for OSCAL's one-line strings: no line breaks, no white space around it.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }

// Identifiers of OSCAL start with a letter, those of the standard with a digit.
func controlID(requirement string) string   { return "x1643-" + requirement }
func statementID(requirement string) string { return controlID(requirement) + "_smt" }
func objectiveID(requirement string) string { return controlID(requirement) + "_obj" }

// checkToken is a check's id as a token, which may not hold a slash.
func checkToken(check string) string { return controlID(strings.ReplaceAll(check, "/", "_")) }

func in(lang string, en, zh string) string { return model.Text{EN: en, ZH: zh}.In(lang) }

func catalogTitle(lang string) string {
	return in(lang, catalogue.Standard+", clause 8: security requirements for containers",
		catalogue.Standard+" 第 8 节：虚拟化容器的安全要求")
}
