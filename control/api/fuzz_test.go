package api_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// kept takes every assessment.
type kept struct {
	api.AssessmentStore
	last *model.Published
}

func (k *kept) CreateAssessment(_ context.Context, p *model.Published) error {
	k.last = p
	return nil
}

// fuzzPublish: whatever comes, it is taken whole or refused as invalid.
func fuzzPublish(t *testing.T, cat *catalogue.Catalogue, b []byte) {
	doc := &structpb.Struct{}
	if protojson.Unmarshal(b, doc) != nil {
		return
	}
	store := &kept{}
	s := &api.Assessments{Store: store, Catalogue: cat, Now: time.Now}
	ctx := gate.With(t.Context(), model.Principal{Ref: model.Ref{Type: "User", ID: "u"}, Tenant: "acme", Roles: []string{model.RoleOwner}}, gate.Client{}, "")
	_, err := s.PublishAssessment(ctx, &bulkheadv1.PublishAssessmentRequest{Document: doc})
	switch code := model.CodeOf(err); {
	case code == "" && (store.last == nil || store.last.Tenant != "acme" || len(store.last.Statuses) == 0):
		t.Fatalf("taken without content: %+v", store.last)
	case code != "" && code != model.CodeInvalid:
		t.Fatalf("%v", err)
	}
}
