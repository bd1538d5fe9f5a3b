package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) containersCommand() *cobra.Command {
	return inventoryCommand(a, inventory[*bulkheadv1.Container]{
		one: "container", many: "containers", fields: "node, id, name, state, image, gone, updated",
		fetch: func(ctx context.Context, c bulkheadv1connect.InventoryServiceClient, r *bulkheadv1.ListInTenantRequest) ([]*bulkheadv1.Container, string, error) {
			res, err := c.ListContainers(ctx, r)
			return res.GetContainers(), res.GetNextPage(), err
		},
		all: func(items []*bulkheadv1.Container, next string) proto.Message {
			return &bulkheadv1.ListContainersResponse{Containers: items, NextPage: next}
		},
		head: containerHead, row: containerRow, get: a.showContainer,
	}, `Lists the containers that nodes have, running or not, and shows one with its image, its networks and what it was before. CONTAINER is its
name, its id or the beginning of that. RISKS says what makes a container more dangerous than others.`,
		`  bulkhead containers list --node web-1
  bulkhead containers list --filter 'state = "running" AND image = "sha256:5d3a…"'
  bulkhead containers list --gone -o json
  bulkhead containers get web-1 billing-api`)
}

var containerHead = []string{"NODE", "NAME", "STATE", "IMAGE", "RISKS", "PORTS", "ID"}

func containerRow(c *bulkheadv1.Container) []string {
	return []string{
		c.GetNodeName(), c.GetName(), stateText(c), c.GetImage(), strings.Join(c.GetRisks(), ", "), strings.Join(c.GetPorts(), ", "), shortID(c.GetId()),
	}
}

func stateText(c *bulkheadv1.Container) string {
	text := c.GetState()
	if c.GetGone() != nil {
		text = "gone"
	}
	if c.GetHealth() != "" && c.GetGone() == nil {
		text += " (" + c.GetHealth() + ")"
	}
	return text
}

func (a *App) showContainer(ctx context.Context, cl bulkheadv1connect.InventoryServiceClient, of *bulkheadv1.ObjectOfNode) error {
	d, err := cl.GetContainer(ctx, of)
	if err != nil {
		return remoteError(err)
	}
	return a.answer(d, func() {
		c := d.GetContainer()
		memory := "no limit"
		if c.GetMemory() > 0 {
			memory = bytesText(c.GetMemory())
		}
		a.fields("id", c.GetId(), "name", c.GetName(), "node", c.GetNodeName(), "tenant", c.GetTenant(), "state", stateText(c),
			"image", c.GetImage(), "image id", c.GetImageId(), "digest", c.GetImageDigest(), "orchestrator", c.GetOrchestrator(),
			"user", c.GetUser(), "risks", strings.Join(c.GetRisks(), ", "), "networks", strings.Join(c.GetNetworks(), ", "),
			"addresses", strings.Join(c.GetAddresses(), ", "), "ports", strings.Join(c.GetPorts(), ", "), "memory", memory,
			"started", when(c.GetStarted()), "restarts", fmt.Sprint(c.GetRestarts()))
		a.seenFields(c)
		a.containersPart("Before it, of the same name", d.GetFormer())
	})
}

func (a *App) imagesCommand() *cobra.Command {
	return inventoryCommand(a, inventory[*bulkheadv1.Image]{
		one: "image", many: "images", fields: "node, id, name, gone, updated",
		fetch: func(ctx context.Context, c bulkheadv1connect.InventoryServiceClient, r *bulkheadv1.ListInTenantRequest) ([]*bulkheadv1.Image, string, error) {
			res, err := c.ListImages(ctx, r)
			return res.GetImages(), res.GetNextPage(), err
		},
		all: func(items []*bulkheadv1.Image, next string) proto.Message {
			return &bulkheadv1.ListImagesResponse{Images: items, NextPage: next}
		},
		head: []string{"NODE", "NAME", "USED", "SIZE", "PLATFORM", "SIGNATURE", "ID"},
		row: func(m *bulkheadv1.Image) []string {
			return []string{
				m.GetNodeName(), m.GetName(), fmt.Sprint(m.GetUsed()), bytesText(m.GetSize()), m.GetPlatform(), m.GetSignature(),
				shortID(strings.TrimPrefix(m.GetId(), "sha256:")),
			}
		},
		get: a.showImage,
	}, `Lists the images that nodes have, and shows one with the containers that use it there. IMAGE is a tag, its id or the beginning of that;
a filter by id finds the same image on other nodes.`,
		`  bulkhead images list --node web-1
  bulkhead images list --filter 'id = "sha256:5d3a…"'
  bulkhead images get web-1 nginx:1.27.2`)
}

func (a *App) showImage(ctx context.Context, cl bulkheadv1connect.InventoryServiceClient, of *bulkheadv1.ObjectOfNode) error {
	d, err := cl.GetImage(ctx, of)
	if err != nil {
		return remoteError(err)
	}
	return a.answer(d, func() {
		m := d.GetImage()
		packages := fmt.Sprint(m.GetPackages())
		if m.GetPackages() <= 0 {
			packages = ""
		}
		a.fields("id", m.GetId(), "name", m.GetName(), "node", m.GetNodeName(), "tenant", m.GetTenant(), "tags", strings.Join(m.GetTags(), ", "),
			"digests", strings.Join(m.GetDigests(), ", "), "size", bytesText(m.GetSize()), "platform", m.GetPlatform(),
			"signature", m.GetSignature(), "signer", m.GetSigner(), "packages", packages)
		a.seenFields(m)
		a.containersPart("Used by", d.GetContainers())
	})
}

func (a *App) networksCommand() *cobra.Command {
	return inventoryCommand(a, inventory[*bulkheadv1.Network]{
		one: "network", many: "networks", fields: "node, id, name, gone, updated",
		fetch: func(ctx context.Context, c bulkheadv1connect.InventoryServiceClient, r *bulkheadv1.ListInTenantRequest) ([]*bulkheadv1.Network, string, error) {
			res, err := c.ListNetworks(ctx, r)
			return res.GetNetworks(), res.GetNextPage(), err
		},
		all: func(items []*bulkheadv1.Network, next string) proto.Message {
			return &bulkheadv1.ListNetworksResponse{Networks: items, NextPage: next}
		},
		head: []string{"NODE", "NAME", "DRIVER", "SUBNETS", "CONTAINERS", "IS", "ID"},
		row: func(n *bulkheadv1.Network) []string {
			return []string{
				n.GetNodeName(), n.GetName(), n.GetDriver(), strings.Join(n.GetSubnets(), ", "), fmt.Sprint(n.GetUsed()), networkText(n), shortID(n.GetId()),
			}
		},
		get: a.showNetwork,
	}, `Lists the networks that nodes have, and shows one with the containers that are in it there. NETWORK is its name, its id or the beginning
of that.`,
		`  bulkhead networks list --node web-1
  bulkhead networks list --filter 'name = "ingress"'
  bulkhead networks get web-1 bridge`)
}

// networkText says what a network is, in words.
func networkText(n *bulkheadv1.Network) string {
	var parts []string
	for _, p := range []struct {
		is   bool
		word string
	}{
		{n.GetGone() != nil, "gone"},
		{n.GetInternal(), "internal"},
		{n.GetEncrypted(), "encrypted"},
		{n.GetAttachable(), "attachable"},
		{n.GetIpv6(), "ipv6"},
		{n.GetTalk() == "yes", "open between containers"},
	} {
		if p.is {
			parts = append(parts, p.word)
		}
	}
	return strings.Join(parts, ", ")
}

func (a *App) showNetwork(ctx context.Context, cl bulkheadv1connect.InventoryServiceClient, of *bulkheadv1.ObjectOfNode) error {
	d, err := cl.GetNetwork(ctx, of)
	if err != nil {
		return remoteError(err)
	}
	return a.answer(d, func() {
		n := d.GetNetwork()
		a.fields("id", n.GetId(), "name", n.GetName(), "node", n.GetNodeName(), "tenant", n.GetTenant(), "driver", n.GetDriver(), "scope", n.GetScope(),
			"subnets", strings.Join(n.GetSubnets(), ", "), "bridge", n.GetBridge(), "is", networkText(n))
		a.seenFields(n)
		a.containersPart("Containers in it", d.GetContainers())
	})
}

// seen has when an object was seen.
type seen interface {
	GetCreated() *timestamppb.Timestamp
	GetFirstSeen() *timestamppb.Timestamp
	GetChanged() *timestamppb.Timestamp
	GetGone() *timestamppb.Timestamp
}

func (a *App) seenFields(x seen) {
	a.fields("created", when(x.GetCreated()), "first seen", when(x.GetFirstSeen()), "changed", since(x.GetChanged(), time.Now()), "gone", when(x.GetGone()))
}

func (a *App) containersPart(title string, all []*bulkheadv1.Container) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(a.Out, "\n%s:\n", title)
	rows := make([][]string, len(all))
	for i, c := range all {
		rows[i] = containerRow(c)[1:]
	}
	a.table("", containerHead[1:], rows)
}

// bytesText is a size for people.
func bytesText(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, words := float64(n)/unit, "kMGTP"
	for value >= unit && len(words) > 1 {
		value, words = value/unit, words[1:]
	}
	return fmt.Sprintf("%.1f %cB", value, words[0])
}
