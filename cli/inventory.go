package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// inventoried is a container, an image or a network of a node.
type inventoried interface {
	GetId() string
	GetName() string
}

// inventory is what the verbs of one kind of objects do.
type inventory[T inventoried] struct {
	one, many string // words
	fields    string // of the filter
	fetch     func(context.Context, bulkheadv1connect.InventoryServiceClient, *bulkheadv1.ListInTenantRequest) ([]T, string, error)
	all       func(items []T, next string) proto.Message
	head      []string
	row       func(T) []string
	get       func(context.Context, bulkheadv1connect.InventoryServiceClient, *bulkheadv1.ObjectOfNode) error
}

// inventoryFlags pick what a list shows.
type inventoryFlags struct {
	listFlags
	node string
	gone bool
}

func inventoryCommand[T inventoried](a *App, v inventory[T], long, example string) *cobra.Command {
	var f inventoryFlags
	list := lister(verb("list", "List "+v.many+" by node", 0, func(ctx context.Context, _ []string) error { return listInventory(ctx, a, v, f) }),
		&f.listFlags, v.fields)
	list.Flags().BoolVar(&f.gone, "gone", false, "also those that are gone")
	nodeFlag(list, &f.node)
	upper := strings.ToUpper(v.one)
	cmd := a.group(v.many, "Which "+v.many+" the nodes have", long, example, list,
		verb("get NODE "+upper, "Show one with what belongs to it", 2, func(ctx context.Context, args []string) error {
			return getInventory(ctx, a, v, args[0], args[1])
		}),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) inventoryClient(ctx context.Context) (bulkheadv1connect.InventoryServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewInventoryServiceClient)
}

func listInventory[T inventoried](ctx context.Context, a *App, v inventory[T], f inventoryFlags) error {
	if !f.gone {
		f.filter = about(f.filter, "gone = false")
	}
	if err := a.ofNode(ctx, &f.listFlags, f.node); err != nil {
		return err
	}
	c, err := a.inventoryClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f.listFlags, func(p *bulkheadv1.Page) ([]T, string, error) {
		return v.fetch(ctx, c, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
	})
	if err != nil {
		return err
	}
	return a.answer(v.all(items, next), func() {
		rows := make([][]string, len(items))
		for i, x := range items {
			rows[i] = v.row(x)
		}
		a.table("no "+v.many+"; nodes with a container engine tell of them (`bulkhead nodes join-token` lets one join)", v.head, rows)
		a.more(next)
	})
}

var fullID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)

// getInventory shows an object that is named by its id, the beginning of it, or its name. Who may not list can still name one by its id.
func getInventory[T inventoried](ctx context.Context, a *App, v inventory[T], node, name string) error {
	c, err := a.inventoryClient(ctx)
	if err != nil {
		return err
	}
	of := &bulkheadv1.ObjectOfNode{Id: name}
	if of.Node, err = a.nodeID(ctx, node); err != nil {
		return err
	}
	if !fullID.MatchString(name) {
		if of.Id, err = findInventory(ctx, a, v, c, of.GetNode(), name); err != nil {
			return err
		}
	}
	return v.get(ctx, c, of)
}

func findInventory[T inventoried](
	ctx context.Context, a *App, v inventory[T], c bulkheadv1connect.InventoryServiceClient, node, name string,
) (string, error) {
	f := listFlags{filter: fmt.Sprintf("node = %q AND gone = false", node), limit: 10_000}
	items, _, err := pages(f, func(p *bulkheadv1.Page) ([]T, string, error) {
		p.ReadMask = fieldsOf("id", "name")
		return v.fetch(ctx, c, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
	})
	if err != nil {
		return "", err
	}
	var begins []string
	for _, x := range items {
		if x.GetId() == name || x.GetName() == name {
			return x.GetId(), nil
		}
		if len(name) >= 4 && (strings.HasPrefix(x.GetId(), name) || strings.HasPrefix(x.GetId(), "sha256:"+name)) {
			begins = append(begins, x.GetId())
		}
	}
	switch len(begins) {
	case 0:
		return "", fmt.Errorf("the node has no %s %q; `bulkhead %s list --node` shows them, one that is gone is named by its whole id", v.one, name, v.many)
	case 1:
		return begins[0], nil
	}
	return "", fmt.Errorf("the ids of %d %s begin with %q; write more of it", len(begins), v.many, name)
}
