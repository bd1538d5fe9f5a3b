package model

// Network is one network of the engine.
type Network struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Driver   string `json:"driver"` // "bridge", "overlay", "host", "null", "macvlan", "ipvlan", ...
	Scope    string `json:"scope,omitempty"`
	Internal bool   `json:"internal"`
	// Attachable and Ingress are of overlay networks.
	Attachable bool     `json:"attachable,omitempty"`
	Ingress    bool     `json:"ingress,omitempty"`
	IPv6       bool     `json:"ipv6,omitempty"`
	Subnets    []string `json:"subnets,omitempty"`
	// Bridge is the host's interface. ICC says whether containers on the bridge may talk to each other; nil if the
	// network is not a bridge. Masquerade likewise.
	Bridge     string `json:"bridge,omitempty"`
	ICC        *bool  `json:"icc,omitempty"`
	Masquerade *bool  `json:"masquerade,omitempty"`
	HostIP     string `json:"host_ip,omitempty"` // com.docker.network.bridge.host_binding_ipv4
	// Encrypted is of overlay networks.
	Encrypted   bool              `json:"encrypted,omitempty"`
	Default     bool              `json:"default,omitempty"` // docker0
	Options     map[string]string `json:"options,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Sensitivity string            `json:"sensitivity,omitempty"`
	// Containers are the names of attached containers, sorted.
	Containers []string `json:"containers,omitempty"`
}

// Firewall is what the kernel filters, as far as containers are concerned.
type Firewall struct {
	// Backend is "nftables", "iptables-nft", "iptables-legacy" or "none"; more than one joined by "+".
	Backend string `json:"backend"`
	// Tables are nftables tables by family and name, with counts.
	Tables []FirewallTable `json:"tables,omitempty"`
	// ForwardPolicy is the policy of the filter table's FORWARD chain: "accept", "drop" or "" if there is none.
	ForwardPolicy  string `json:"forward_policy,omitempty"`
	ForwardPolicy6 string `json:"forward_policy6,omitempty"`
	// DockerUserRules counts rules in DOCKER-USER without the final RETURN; -1 when there is no such chain.
	DockerUserRules int `json:"docker_user_rules"`
	// ICCDropRules lists bridges for which a rule drops traffic from the bridge to itself.
	ICCDropRules []string `json:"icc_drop_rules,omitempty"`
	// RateLimitRules counts rules with limit, hashlimit or connlimit matches in forwarding chains.
	RateLimitRules int `json:"rate_limit_rules"`
	// VXLANRules counts rules that match UDP port 4789 (or the overlay's data port).
	VXLANRules int `json:"vxlan_rules"`
	// BridgeNFCallIPTables and BridgeNFCallIP6Tables are the sysctls; nil where br_netfilter is not loaded.
	BridgeNFCallIPTables  *bool `json:"bridge_nf_call_iptables,omitempty"`
	BridgeNFCallIP6Tables *bool `json:"bridge_nf_call_ip6tables,omitempty"`
}

// FirewallTable is one nftables table.
type FirewallTable struct {
	Family string `json:"family"` // "ip", "ip6", "inet", "bridge", "netdev", "arp"
	Name   string `json:"name"`
	Chains int    `json:"chains"`
	Rules  int    `json:"rules"`
}

// Registry is a registry that the host is configured to use or that an image came from.
type Registry struct {
	Host string `json:"host"` // host[:port]
	// Sources say where the name comes from: "daemon.json:insecure-registries", "daemon.json:registry-mirrors",
	// "engine:index", "image:<ref>", "containerd:hosts.toml", "podman:registries.conf".
	Sources  []string `json:"sources"`
	Insecure bool     `json:"insecure"` // configured to be used without verified TLS
	Mirror   bool     `json:"mirror,omitempty"`
	Scheme   string   `json:"scheme,omitempty"` // as configured: "https", "http"
	// Probe is set only when registries were probed.
	Probe *RegistryProbe `json:"probe,omitempty"`
}

// RegistryProbe is what a registry answered.
type RegistryProbe struct {
	Reachable bool `json:"reachable"`
	// TLS is true when a TLS handshake succeeded; Verified when the certificate is valid for the name.
	TLS        bool   `json:"tls"`
	Verified   bool   `json:"verified"`
	TLSVersion string `json:"tls_version,omitempty"`
	Error      string `json:"error,omitempty"`
	// PlainHTTP is true when it answers without TLS; Anonymous when GET /v2/ answers 200 without credentials.
	PlainHTTP bool   `json:"plain_http"`
	Anonymous bool   `json:"anonymous"`
	NotAfter  string `json:"not_after,omitempty"`
}
