package cli

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

var idOfShop = strings.Repeat("3f5a", 16)

func (p *plane) ListContainers(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListContainersResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListContainersResponse{Containers: []*bulkheadv1.Container{
		{
			Id: idOfShop, NodeName: "web-1", Name: "shop\x1b]0;x\a", State: "running", Health: "healthy", Image: "shop:1",
			Risks: []string{"privileged", "root"}, Ports: []string{"*:80->8080/tcp"},
		},
		{Id: "3f5b" + strings.Repeat("0", 60), NodeName: "web-1", Name: "old", State: "exited", Gone: timestamppb.Now()},
	}}, nil
}

func (p *plane) GetContainer(_ context.Context, req *bulkheadv1.ObjectOfNode) (*bulkheadv1.ContainerDetails, error) {
	p.saw(req)
	return &bulkheadv1.ContainerDetails{
		Container: &bulkheadv1.Container{Id: req.GetId(), Name: "shop", State: "running", Memory: 268_435_456, Networks: []string{"front"}},
		Former:    []*bulkheadv1.Container{{Id: "0000", Name: "shop", Gone: timestamppb.Now(), Image: "shop:0"}},
	}, nil
}

func (p *plane) ListImages(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListImagesResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListImagesResponse{Images: []*bulkheadv1.Image{{
		Id: "sha256:" + idOfShop, NodeName: "web-1", Name: "shop:1", Size: 41_943_040, Platform: "linux/amd64", Signature: "unsigned", Used: 2,
	}}}, nil
}

func (p *plane) GetImage(_ context.Context, req *bulkheadv1.ObjectOfNode) (*bulkheadv1.ImageDetails, error) {
	p.saw(req)
	return &bulkheadv1.ImageDetails{Image: &bulkheadv1.Image{Id: req.GetId(), Name: "shop:1", Packages: -1}}, nil
}

func (p *plane) ListNetworks(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListNetworksResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListNetworksResponse{}, nil
}

// last is the request that came last.
func last[T any](t *testing.T, p *plane) T {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.seen[len(p.seen)-1].(T)
	if !ok {
		t.Fatalf("the last request is %T", p.seen[len(p.seen)-1])
	}
	return r
}

func TestContainers(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	code, out, errs := s.run(t, "containers", "list", "--node", "web-1", "--filter", `state = "running"`)
	if code != ExitOK || strings.Contains(out, "\x1b") {
		t.Fatalf("exit %d: %q %s", code, out, errs)
	}
	for _, want := range []string{"web-1", "running (healthy)", "shop:1", "privileged, root", "*:80->8080/tcp", idOfShop[:12], "gone"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %s", want, out)
		}
	}
	if f := last[*bulkheadv1.ListInTenantRequest](t, p).GetPage().GetFilter(); f != `state = "running" AND gone = false AND node = "`+nodeIDOfWeb+`"` {
		t.Errorf("the filter is %s", f)
	}
	if code, _, errs := s.run(t, "containers", "list", "--gone"); code != ExitOK || last[*bulkheadv1.ListInTenantRequest](t, p).GetPage().GetFilter() != "" {
		t.Errorf("exit %d: %s", code, errs)
	}
	for _, name := range []string{"old", "3f5a", idOfShop} { // by name, the beginning of the id, the id
		if code, out, errs = s.run(t, "containers", "get", "web-1", name); code != ExitOK || !strings.Contains(out, "268.4 MB") || !strings.Contains(out, "shop:0") {
			t.Errorf("exit %d: %s %s", code, out, errs)
		}
	}
	if of := last[*bulkheadv1.ObjectOfNode](t, p); of.GetNode() != nodeIDOfWeb || of.GetId() != idOfShop {
		t.Errorf("%v", of)
	}
	for name, want := range map[string]string{"none": "no container", "3f5": "no container", "3f5b0": ""} {
		if code, _, errs := s.run(t, "containers", "get", "web-1", name); want == "" != (code == ExitOK) || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}

func TestImagesAndNetworks(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	if code, out, errs := s.run(t, "images", "list"); code != ExitOK || !strings.Contains(out, "41.9 MB") || !strings.Contains(out, "unsigned") {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
	if code, out, errs := s.run(t, "images", "get", "web-1", idOfShop[:8], "-o", "json"); code != ExitOK || !strings.Contains(out, `"packages": -1`) {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
	if of := last[*bulkheadv1.ObjectOfNode](t, p); of.GetId() != "sha256:"+idOfShop {
		t.Errorf("%v", of)
	}
	if code, out, errs := s.run(t, "networks", "list"); code != ExitOK || !strings.Contains(out, "no networks; nodes with a container engine") {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
}
