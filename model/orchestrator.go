package model

import "time"

// Swarm is Docker's Swarm as this node sees it.
type Swarm struct {
	State   string `json:"state"` // "active", "inactive", "locked", "pending", "error"
	NodeID  string `json:"node_id,omitempty"`
	Cluster string `json:"cluster,omitempty"` // the swarm's id
	Manager bool   `json:"manager"`
	// Managers, ManagersReachable and Workers are known on a manager only.
	Managers          int           `json:"managers,omitempty"`
	ManagersReachable int           `json:"managers_reachable,omitempty"`
	Workers           int           `json:"workers,omitempty"`
	Autolock          bool          `json:"autolock"`
	CertExpiry        time.Duration `json:"cert_expiry_ns,omitempty"`
	// ForceRotate counts CA rotations; TLSIssuer is a digest of the CA certificate.
	ListenAddress string      `json:"listen_address,omitempty"`
	DataPathPort  int         `json:"data_path_port,omitempty"`
	DefaultPools  []string    `json:"default_pools,omitempty"`
	Nodes         []SwarmNode `json:"nodes,omitempty"`
	Services      []SwarmSvc  `json:"services,omitempty"`
	Secrets       int         `json:"secrets,omitempty"`
	Configs       int         `json:"configs,omitempty"`
	JoinTokenAge  string      `json:"join_token_age,omitempty"`
	TaskHistory   int         `json:"task_history,omitempty"`
	RootRotation  bool        `json:"root_rotation,omitempty"`
	ExternalCA    bool        `json:"external_ca,omitempty"`
	// CACreated is when the swarm's CA certificate was issued.
	CACreated      time.Time `json:"ca_created,omitzero"`
	RaftHeartbeats int       `json:"raft_heartbeat_tick,omitempty"`
}

// SwarmNode is one node of a Swarm.
type SwarmNode struct {
	ID            string            `json:"id"`
	Name          string            `json:"name"`
	Role          string            `json:"role"` // "manager", "worker"
	State         string            `json:"state"`
	Availability  string            `json:"availability"`
	Reachability  string            `json:"reachability,omitempty"`
	Leader        bool              `json:"leader,omitempty"`
	EngineVersion string            `json:"engine_version,omitempty"`
	Address       string            `json:"address,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Sensitivity   string            `json:"sensitivity,omitempty"`
}

// SwarmSvc is one service of a Swarm.
type SwarmSvc struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Mode        string   `json:"mode"` // "replicated", "global", "replicated-job", "global-job"
	Replicas    int      `json:"replicas,omitempty"`
	Running     int      `json:"running,omitempty"`
	Constraints []string `json:"constraints,omitempty"`
	Workload    Workload `json:"workload"`
	// SecretsUsed counts secrets mounted; RollbackOnFailure is the update policy.
	SecretsUsed       int  `json:"secrets_used,omitempty"`
	RollbackOnFailure bool `json:"rollback_on_failure,omitempty"`
}

// Kubernetes is a cluster as the API server tells.
type Kubernetes struct {
	Context      string       `json:"context,omitempty"`
	Server       string       `json:"server"`
	Version      string       `json:"version"`
	Platform     string       `json:"platform,omitempty"`
	Distribution string       `json:"distribution,omitempty"`
	Nodes        []KubeNode   `json:"nodes,omitempty"`
	ControlPlane []KubePod    `json:"control_plane,omitempty"` // static pods of kube-system
	EtcdMembers  int          `json:"etcd_members,omitempty"`
	Namespaces   []KubeNS     `json:"namespaces,omitempty"`
	Pods         []KubePod    `json:"pods,omitempty"`
	Deployments  []KubeDeploy `json:"deployments,omitempty"`
	// Bindings are the over-broad grants and who has them; BindingsTotal counts all bindings.
	Bindings      []KubeBinding `json:"bindings,omitempty"`
	BindingsTotal int           `json:"bindings_total,omitempty"`
	// AnonymousAuth is true when an unauthenticated request is answered otherwise than 401; nil if not probed.
	AnonymousAuth *bool `json:"anonymous_auth,omitempty"`
	// AnonymousAPI is true when an unauthenticated request may list the API groups; nil if not probed.
	AnonymousAPI *bool `json:"anonymous_api,omitempty"`
	// ServerTLS is true when the API server was reached with a verified certificate.
	ServerTLS bool `json:"server_tls"`
	// Webhooks are admission webhooks and policies: "validating/NAME", "mutating/NAME", "policy/NAME".
	Webhooks []KubeWebhook `json:"webhooks,omitempty"`
	// AuthMethods are how the context's user signs in: "client-certificate", "token", "exec", "oidc", "basic".
	AuthMethods []string `json:"auth_methods,omitempty"`
	CNI         string   `json:"cni,omitempty"`
	// APIServerFlags are the arguments of the API server's static pod, where readable.
	APIServerFlags []KeyVal `json:"api_server_flags,omitempty"`
}

// KubeNode is one node of a cluster.
type KubeNode struct {
	Name         string            `json:"name"`
	Ready        bool              `json:"ready"`
	ControlPlane bool              `json:"control_plane,omitempty"`
	Kubelet      string            `json:"kubelet"`
	Runtime      string            `json:"runtime"`
	OS           string            `json:"os,omitempty"`
	Kernel       string            `json:"kernel,omitempty"`
	Zone         string            `json:"zone,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Taints       []string          `json:"taints,omitempty"` // "key=value:Effect"
	Sensitivity  string            `json:"sensitivity,omitempty"`
}

// KubePod is one pod.
type KubePod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Node      string `json:"node,omitempty"`
	Phase     string `json:"phase"`
	Owner     string `json:"owner,omitempty"` // "Deployment/web"
	// ServiceAccount and AutomountToken; Containers are the pod's containers as workloads, init ones included.
	ServiceAccount string            `json:"service_account,omitempty"`
	AutomountToken bool              `json:"automount_token"`
	NodeSelector   []string          `json:"node_selector,omitempty"`
	Sensitivity    string            `json:"sensitivity,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	Containers     []KubeContainer   `json:"containers,omitempty"`
	Created        time.Time         `json:"created,omitzero"`
}

// KubeContainer is one container of a pod.
type KubeContainer struct {
	Name     string   `json:"name"`
	Init     bool     `json:"init,omitempty"`
	Restarts int      `json:"restarts,omitempty"`
	Workload Workload `json:"workload"`
}

// KubeNS is one namespace with what isolates it.
type KubeNS struct {
	Name string `json:"name"`
	// PodSecurity is the enforced level: "privileged", "baseline", "restricted" or "" for none.
	PodSecurity     string `json:"pod_security,omitempty"`
	NetworkPolicies int    `json:"network_policies"`
	// DefaultDenyIngress is true when a policy selects all pods and allows no ingress; Egress likewise.
	DefaultDenyIngress bool   `json:"default_deny_ingress"`
	DefaultDenyEgress  bool   `json:"default_deny_egress"`
	ResourceQuota      bool   `json:"resource_quota"`
	LimitRange         bool   `json:"limit_range"`
	Sensitivity        string `json:"sensitivity,omitempty"`
	Pods               int    `json:"pods"`
}

// KubeDeploy is a replicated workload.
type KubeDeploy struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Replicas  int    `json:"replicas"`
	Ready     int    `json:"ready"`
	Budget    bool   `json:"budget,omitempty"` // a PodDisruptionBudget selects it
}

// KubeBinding is a grant of rights that deserves a look.
type KubeBinding struct {
	Name      string   `json:"name"`
	Namespace string   `json:"namespace,omitempty"` // empty for a cluster role binding
	Role      string   `json:"role"`
	Subjects  []string `json:"subjects"` // "User/x", "Group/system:masters", "ServiceAccount/ns/name"
	// Powers are why it is listed: "cluster-admin", "wildcard-verbs", "wildcard-resources", "secrets", "exec",
	// "escalate", "impersonate", "create-pods", "nodes-proxy", "anonymous" (granted to requests without credentials).
	Powers []string `json:"powers"`
}

// KubeWebhook is an admission webhook or policy.
type KubeWebhook struct {
	Kind          string `json:"kind"` // "validating", "mutating", "policy"
	Name          string `json:"name"`
	FailurePolicy string `json:"failure_policy,omitempty"`
}
