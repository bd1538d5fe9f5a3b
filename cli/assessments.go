package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) assessmentsCommand() *cobra.Command {
	var f listFlags
	var show assessFlags
	one := outputs(verb("show ID", "Show a published assessment as a report; -o json gives the document as it was published", 1,
		func(ctx context.Context, args []string) error { return a.showAssessment(ctx, args[0], show) }), reportFormats()...)
	one.Flags().BoolVarP(&show.verbose, "verbose", "v", false, "list every check, also those that pass")
	one.Flags().StringVar(&show.explain, "explain", "", "all evidence of one requirement or check, by `id`")
	cmd := a.group("assessments", "Published assessments: list them, show one",
		`Lists the assessments that nodes have published, newest first, and shows one in every format of "bulkhead assess". "bulkhead status"
joins the newest of every node.`,
		`  bulkhead assessments list --tenant acme --limit 10
  bulkhead assessments show 0198…
  bulkhead assessments show 0198… -o html > report.html
  bulkhead assessments show 0198… -o json > monday.json     # to be compared with "bulkhead assess diff"`,
		lister(verb("list", "List assessments, newest first", 0, func(ctx context.Context, _ []string) error { return a.listAssessments(ctx, f) }), &f, "id, node"),
		one,
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) listAssessments(ctx context.Context, f listFlags) error {
	c, err := a.assessmentClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Assessment, string, error) {
		res, err := c.ListAssessments(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetAssessments(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListAssessmentsResponse{Assessments: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, x := range items {
			sum := map[string]int32{}
			for _, s := range x.GetStatuses() {
				sum[s]++
			}
			rows = append(rows, []string{x.GetNodeName(), x.GetTenant(), when(x.GetTime()), a.counts(sum), x.GetPublisher(), x.GetId()})
		}
		a.table("no assessments; `bulkhead assess --publish` publishes one", []string{"NODE", "TENANT", "TIME", "STATUS", "PUBLISHER", "ID"}, rows)
		a.more(next)
	})
}

func (a *App) showAssessment(ctx context.Context, id string, f assessFlags) error {
	format, err := a.format(reportFormats()...)
	if err != nil {
		return err
	}
	c, err := a.assessmentClient(ctx)
	if err != nil {
		return err
	}
	x, err := c.GetAssessment(ctx, &bulkheadv1.Id{Id: id})
	if err != nil {
		return remoteError(err)
	}
	if format == "json" && f.explain == "" {
		return a.printProto(x.GetDocument())
	}
	r, err := documentOf(x)
	if err != nil {
		return err
	}
	cat, err := catalogue.Load()
	if err != nil {
		return err
	}
	return a.writeReport(a.Out, format, f, cat, r)
}

// documentOf reads a published document as the assessment that it was.
func documentOf(x *bulkheadv1.Assessment) (*model.Assessment, error) {
	b, err := protojson.Marshal(x.GetDocument())
	if err != nil {
		return nil, fmt.Errorf("read the assessment: %w", err)
	}
	r, err := report.ReadAssessment(strings.NewReader(string(b)))
	if err != nil {
		return nil, fmt.Errorf("read the assessment %s: %w\n  -o json shows the document as it is", plain(x.GetId()), err)
	}
	return r, nil
}
