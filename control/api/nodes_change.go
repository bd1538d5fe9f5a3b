package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"unicode"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// UpdateNode implements NodeService.
func (s *Nodes) UpdateNode(ctx context.Context, r *bulkheadv1.UpdateNodeRequest) (*bulkheadv1.Node, error) {
	want, err := gate.Wanted(r.GetUpdateMask(), "pool", "labels", "sensitivity")
	if err != nil {
		return nil, err
	}
	in := r.GetNode()
	m, err := s.Store.Node(ctx, in.GetId())
	if err != nil {
		return nil, err
	}
	if err := stale(in.GetVersion(), m.Version); err != nil {
		return nil, err
	}
	if want["pool"] {
		if m.Pool = poolName(in.GetPool()); m.Pool != model.DefaultPool {
			if err := s.poolThere(ctx, "node.pool", m.Tenant, m.Pool); err != nil {
				return nil, err
			}
		}
	}
	if want["labels"] {
		if err := checkLabels("node.labels", in.GetLabels()); err != nil {
			return nil, err
		}
		m.Labels = in.GetLabels()
	}
	if want["sensitivity"] {
		if err := checkWord("node.sensitivity", in.GetSensitivity(), maxSensitivity); err != nil {
			return nil, err
		}
		m.Sensitivity = in.GetSensitivity()
	}
	return s.changed(ctx, m, s.Store.UpdateNode(ctx, m))
}

// CordonNode implements NodeService.
func (s *Nodes) CordonNode(ctx context.Context, r *bulkheadv1.CordonNodeRequest) (*bulkheadv1.Node, error) {
	if r.GetDrained() && !r.GetCordoned() {
		return nil, &model.Error{
			Code: model.CodeInvalid, Message: "drained: a node is drained only while it is cordoned, or new workloads would come", Field: "drained",
			Remedy: "Set cordoned too.",
		}
	}
	m, err := s.Store.Node(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if m.Cordoned == r.GetCordoned() && m.Drained == r.GetDrained() {
		return s.changed(ctx, m, nil)
	}
	m.Cordoned, m.Drained = r.GetCordoned(), r.GetDrained()
	return s.changed(ctx, m, s.Store.UpdateNode(ctx, m))
}

// RevokeNode implements NodeService. A node that is revoked already stays as it is.
func (s *Nodes) RevokeNode(ctx context.Context, r *bulkheadv1.RevokeNodeRequest) (*bulkheadv1.Node, error) {
	m, err := s.Store.Node(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if !m.Revoked.IsZero() {
		return s.changed(ctx, m, nil)
	}
	now := s.Now()
	if err := s.Store.RevokeNode(ctx, m.ID, r.GetReason(), now); err != nil {
		return nil, err
	}
	if s.Tell != nil {
		err := s.Tell.Event(ctx, model.Event{
			Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Time: now, Kind: model.EventRevoked, Severity: string(model.Medium),
			Before: string(m.Health), After: string(model.HealthRevoked), Text: revokedText(gate.Caller(ctx).Name, r.GetReason()),
		})
		if err != nil {
			return nil, err
		}
	}
	return s.changed(ctx, m, nil)
}

func revokedText(by, reason string) model.Text {
	t := model.Text{
		EN: fmt.Sprintf("%s revoked the node's identity: it can't report or take anything any more.", by),
		ZH: fmt.Sprintf("%s 吊销了该节点的身份：它不能再上报或接收任何内容。", by),
	}
	if reason != "" {
		t.EN += " Reason: " + reason
		t.ZH += "原因：" + reason
	}
	return t
}

// DeleteNode implements NodeService.
func (s *Nodes) DeleteNode(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	m, err := s.Store.Node(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if m.Revoked.IsZero() {
		return nil, &model.Error{
			Code: model.CodeConflict, Message: "the node is not revoked", Remedy: "Revoke it first (`bulkhead nodes revoke`): that ends its identity.",
		}
	}
	return &bulkheadv1.Empty{}, s.Store.DeleteNode(ctx, m.ID)
}

// changed is a node as it is after a change.
func (s *Nodes) changed(ctx context.Context, m *model.Member, err error) (*bulkheadv1.Node, error) {
	if err != nil {
		return nil, err
	}
	if m, err = s.Store.Node(ctx, m.ID); err != nil {
		return nil, err
	}
	out, _, err := s.shown(ctx, m)
	if err != nil {
		return nil, err
	}
	return out, s.upkeep(ctx, []model.Member{*m}, out)
}

// poolThere refuses a pool that the tenant has not.
func (s *Nodes) poolThere(ctx context.Context, field, tenant, name string) error {
	_, err := poolOf(ctx, s.Pools, tenant, name)
	if model.CodeOf(err) != model.CodeNotFound {
		return err
	}
	return &model.Error{
		Code: model.CodeInvalid, Message: field + ": the tenant has no pool of that name", Field: field,
		Remedy: "`bulkhead pools list` shows the pools, `bulkhead pools create` makes one.", Err: err,
	}
}

// Limits of what people write on nodes; those of join tokens in the schema are the same.
const (
	maxLabels      = 64
	maxLabelName   = 63
	maxLabelValue  = 255
	maxSensitivity = 63
)

func checkLabels(field string, labels map[string]string) error {
	if len(labels) > maxLabels {
		return invalid(field, fmt.Sprintf("there are more than %d", maxLabels))
	}
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if k == "" {
			return invalid(field, "a label has no name")
		}
		if err := checkWord(field, k, maxLabelName); err != nil {
			return err
		}
		if err := checkWord(field, labels[k], maxLabelValue); err != nil {
			return err
		}
	}
	return nil
}

// checkWord holds a text to a number of characters, all of which can be seen.
func checkWord(field, s string, most int) error {
	n := 0
	for _, c := range s {
		if n++; !unicode.IsPrint(c) {
			return invalid(field, "it has a character that can't be seen")
		}
	}
	if n > most {
		return invalid(field, fmt.Sprintf("a text is longer than %d characters", most))
	}
	return nil
}
