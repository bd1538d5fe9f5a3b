package oscal

import (
	"io"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
)

// WriteComponentDefinition writes what `bulkhead assess` measures: one component that answers for each requirement with the
// checks as properties, those of one check in one group.
func WriteComponentDefinition(w io.Writer, cat *catalogue.Catalogue, checks []assess.Check, m Meta) error {
	source := id("resource", "catalog", catalogue.Version, language(m.Lang))
	impl := controlImplementation{
		UUID:   id("control-implementation", "assess"),
		Source: "#" + source,
		Description: in(m.Lang,
			"Checks that compute the status of each requirement from evidence of the node.",
			"依据节点证据计算每项要求状态的检查。"),
	}
	for _, r := range cat.Requirements {
		if req, any := implemented(r, checks, m.Lang); any {
			impl.Requirements = append(impl.Requirements, req)
		}
	}
	c := assessComponent(m)
	if len(impl.Requirements) > 0 {
		c.Implementations = []controlImplementation{impl}
	}
	doc := &componentsDoc{
		Metadata: metadata(in(m.Lang, "Bulkhead: what it measures", "Bulkhead：测量内容"),
			catalogue.Released, productVersion(m), m),
		Components: []component{c},
		BackMatter: backMatter{Resources: []resource{{
			UUID: source, Title: catalogTitle(m.Lang),
			RLinks: []resourceLink{{Href: CatalogFile, MediaType: "application/oscal.catalog+json"}},
		}}},
	}
	var err error
	if doc.UUID, err = contentID(doc); err != nil {
		return err
	}
	return write(w, "component-definition", doc)
}

// assessComponent is the command as a component, here and as the tool of an assessment.
func assessComponent(m Meta) component {
	return component{
		UUID: id("component", "assess"), Type: "software", Title: "Bulkhead assess",
		Description: in(m.Lang,
			"Collects facts from the host, its engine and its orchestrator, and assesses them.",
			"从主机、容器引擎与编排系统收集事实并进行评估。"),
		Props: []property{{Name: "version", Value: productVersion(m)}},
	}
}

func implemented(r catalogue.Requirement, checks []assess.Check, lang string) (implementedRequirement, bool) {
	req := implementedRequirement{
		UUID:        id("implemented-requirement", r.ID),
		ControlID:   controlID(r.ID),
		Description: r.Evidence.In(lang),
		Statements: []statement{{
			StatementID: statementID(r.ID), UUID: id("statement", r.ID), Description: r.Control.In(lang),
		}},
	}
	for _, c := range checks {
		if of, _, _ := strings.Cut(c.ID, "/"); of == r.ID {
			req.Props = append(req.Props, checkProps(c, lang)...)
		}
	}
	return req, len(req.Props) > 0
}

func checkProps(c assess.Check, lang string) []property {
	props := []property{
		own("check", c.ID), own("check-title", c.Title.In(lang)),
		own("check-severity", string(c.Severity)), own("check-essential", strconv.FormatBool(c.Essential)),
	}
	for _, ref := range c.References {
		props = append(props, own("check-reference", ref))
	}
	for i := range props {
		props[i].Group = checkToken(c.ID)
	}
	return props
}
