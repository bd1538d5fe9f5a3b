package gate

import (
	"context"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// NodeAuthenticator tells which node shows a certificate (DER) whose key it was proved to have. expiredToo takes one that ended
// a while ago. Where it refuses a node that it knows, it gives that beside the error, for the record. Its context has who
// calls from where (ClientOf).
type NodeAuthenticator interface {
	AuthenticateNode(ctx context.Context, certificate []byte, expiredToo bool) (model.Principal, *model.Member, error)
}

// actionRenew is what an expired certificate is good for, and the one action of the nodes' door that is always recorded.
const actionRenew = "NodeRenew"

func (r *rule) node() bool { return r.access.GetDoor() == bulkheadv1.Door_DOOR_NODE }

// quiet says whether a call that is permitted is not recorded. Nodes report all the time, and what they report is kept.
func (r *rule) quiet() bool { return r.node() && r.access.GetAction() != actionRenew }

type certificateKey struct{}

// WithCertificate gives a context of a connection on which a client certificate (DER) was shown and its key was proved. Nobody
// needs to have verified it: methods of the nodes' door do, and all others pay no attention to it.
func WithCertificate(ctx context.Context, der []byte) context.Context {
	return context.WithValue(ctx, certificateKey{}, der)
}

func certificateOf(ctx context.Context) []byte {
	der, _ := ctx.Value(certificateKey{}).([]byte)
	return der
}

// Node is the node that calls, as it is now; nil where the caller is none. It is the call's own copy.
func Node(ctx context.Context) *model.Member { return callOf(ctx).member }

// AsNode gives a context as handlers of the nodes' door get it. Tests use it.
func AsNode(ctx context.Context, p model.Principal, m *model.Member, c Client) context.Context {
	return context.WithValue(ctx, callKey{}, &call{principal: p, client: c, member: m})
}

// identifyNode finds which node calls, by its certificate alone. A bearer's secret beside it is refused: whoever sends both takes
// this door for another.
func (g *Gate) identifyNode(in *entry) error {
	c := in.call
	c.certificate = certificateOf(in.ctx)
	if in.header.Get("Authorization") != "" {
		return g.unknown(in.ctx, c, notANode("a session or token is no good here: only a node's certificate is"))
	}
	c.credential = "" // a cookie, of which the sender may not know
	if len(c.certificate) == 0 {
		return g.unknown(in.ctx, c, notANode("this needs a node's certificate"))
	}
	if g.Nodes == nil {
		return g.unknown(in.ctx, c, notANode("this server takes no nodes"))
	}
	ctx := context.WithValue(in.ctx, callKey{}, c)
	p, m, err := g.Nodes.AuthenticateNode(ctx, c.certificate, in.rule.access.GetAction() == actionRenew)
	switch model.CodeOf(err) {
	case "":
	case model.CodeUnauthenticated, model.CodeExpired, model.CodeDenied, model.CodeNotFound:
		c.member = m
		return g.unknown(in.ctx, c, err)
	default: // the store does not answer: nobody tries anything
		return err
	}
	if p.Type != "Node" || p.ID == "" || p.Tenant == "" || m == nil || m.ID != p.ID || m.Tenant != p.Tenant {
		return g.unknown(in.ctx, c, notANode("this needs a node's certificate"))
	}
	c.principal, c.member = p, m
	if !g.callers.allow("i "+p.String(), g.Now()) {
		return tooMany()
	}
	return nil
}

func notANode(message string) error {
	return &model.Error{
		Code: model.CodeUnauthenticated, Message: message,
		Remedy: "Only agents call this, with the certificate that they joined with; `bulkhead agent --join` makes a machine a node.",
	}
}

// nodeObject is the calling node as an object. It has what the schema of policies says of a node.
func nodeObject(p model.Principal) model.Object {
	o := self(p)
	hosts := make([]model.Ref, len(p.Hosts))
	for i, id := range p.Hosts {
		hosts[i] = model.Ref{Type: "Host", ID: id}
	}
	o.Attrs["id"], o.Attrs["hosts"], o.Attrs["host_ids"] = p.ID, hosts, p.Hosts
	return o
}

// refuseNode bounds the records of what policies refuse nodes, as those of bad credentials are: a fleet that is refused tries on.
func (g *Gate) refuseNode(in *entry) error {
	if in.rule.node() && !g.public.allow("f "+network(in.call.client.Address), g.Now()) {
		return tooMany()
	}
	return nil
}
