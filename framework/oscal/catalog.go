package oscal

import (
	"io"
	"strings"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// WriteCatalog writes the requirements as an OSCAL catalog: sections are groups, requirements are controls, threats are
// resources that controls link to.
func WriteCatalog(w io.Writer, cat *catalogue.Catalogue, m Meta) error {
	b := catalogBuilder{cat: cat, lang: m.Lang}
	doc := &catalogDoc{
		Metadata: metadata(catalogTitle(m.Lang), catalogue.Released, catalogue.Version, m),
		Groups:   b.groups(""),
	}
	doc.Metadata.Remarks = in(m.Lang,
		"The texts are Bulkhead's own; the clause number in each label is the reference to the standard.",
		"条文为 Bulkhead 自行撰写，各标签中的条款号为对标准原文的引用。")
	for _, t := range cat.Threats {
		r := resource{UUID: id("threat", t.ID), Title: t.ID + " " + line(t.Title.In(m.Lang)), Description: t.Text.In(m.Lang)}
		r.Props = append(r.Props, own("clause", t.ID))
		for _, technique := range t.Techniques {
			r.Props = append(r.Props, own("attack-technique", technique))
		}
		doc.BackMatter.Resources = append(doc.BackMatter.Resources, r)
	}
	var err error
	if doc.UUID, err = contentID(doc); err != nil {
		return err
	}
	return write(w, "catalog", doc)
}

type catalogBuilder struct {
	cat  *catalogue.Catalogue
	lang string
}

// groups returns the sections directly below the parent, "" for the top.
func (b catalogBuilder) groups(parent string) []group {
	var out []group
	for _, s := range b.cat.Sections {
		if b.parentOf(s.ID) != parent {
			continue
		}
		g := group{
			ID: controlID(s.ID), Class: "clause", Title: line(s.Title.In(b.lang)),
			Props:  []property{{Name: "label", Value: s.ID}},
			Groups: b.groups(s.ID),
		}
		for _, r := range b.cat.Requirements {
			if sec, _ := b.cat.SectionOf(r.ID); sec.ID == s.ID {
				g.Controls = append(g.Controls, b.control(r))
			}
		}
		out = append(out, g)
	}
	return out
}

// parentOf returns the innermost section around a section, "" for none.
func (b catalogBuilder) parentOf(section string) string {
	s, _ := b.cat.SectionOf(section)
	return s.ID
}

func (b catalogBuilder) control(r catalogue.Requirement) control {
	c := control{
		ID: controlID(r.ID), Class: "requirement", Title: line(r.Title.In(b.lang)),
		Props: []property{
			{Name: "label", Value: r.ID},
			own("keyword", strings.ReplaceAll(string(r.Keyword), "_", " ")),
		},
		Parts: []part{
			{ID: statementID(r.ID), Name: "statement", Prose: r.Asks.In(b.lang)},
			b.part(r, "gdn", "guidance", "", r.Why),
			{ID: objectiveID(r.ID), Name: "assessment-objective", Prose: r.Asks.In(b.lang)},
			b.method(r),
			b.part(r, "ctl", "enforcement", Namespace, r.Control),
			b.part(r, "drl", "drill", Namespace, r.Drill),
		},
	}
	for _, p := range r.Parts {
		c.Props = append(c.Props, own("framework-part", p))
	}
	for _, threat := range r.Threats {
		if t, ok := b.cat.Threat(threat); ok {
			text := t.ID + " " + line(t.Title.In(b.lang))
			c.Links = append(c.Links, link{Href: "#" + id("threat", t.ID), Rel: "related", Text: text})
		}
	}
	return c
}

func (b catalogBuilder) part(r catalogue.Requirement, suffix, name, ns string, text model.Text) part {
	return part{ID: controlID(r.ID) + "_" + suffix, Name: name, NS: ns, Prose: text.In(b.lang)}
}

// method says how the requirement is examined, in the form that OSCAL gives to SP 800-53A.
func (b catalogBuilder) method(r catalogue.Requirement) part {
	objects := b.part(r, "asm-obj", "assessment-objects", "", r.Evidence)
	return part{
		ID: controlID(r.ID) + "_asm", Name: "assessment-method",
		Props: []property{{Name: "method", Value: "EXAMINE"}},
		Parts: []part{objects},
	}
}
