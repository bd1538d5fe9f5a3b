package kubernetes

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-security/bulkhead/model"
)

const sinfulPod = `
metadata:
  name: web-5d8-abc
  namespace: shop
  labels: {app: web, pod-template-hash: 5d8, io.bulkhead.sensitivity: secret, io.bulkhead.tenant: t1, password: x1}
  annotations:
    note: hello
    kubectl.kubernetes.io/last-applied-configuration: '{"env":[{"name":"DB_PASSWORD","value":"hunter2"}]}'
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d8, uid: u, controller: true}]
spec:
  nodeName: n1
  serviceAccountName: web
  hostNetwork: true
  hostPID: true
  hostIPC: true
  nodeSelector: {level: secret}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]
  securityContext: {sysctls: [{name: net.ipv4.ip_forward, value: "1"}]}
  volumes:
  - {name: run, hostPath: {path: /var/run}}
  - {name: tok, projected: {sources: []}}
  - {name: cfg, secret: {secretName: db}}
  containers:
  - name: web
    image: registry.example/shop/web:1.2.3
    command: [/web]
    args: [--password=hunter2, --port=80]
    env:
    - {name: DB_PASSWORD, value: hunter2}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    ports: [{containerPort: 80, hostPort: 8080, protocol: TCP}, {containerPort: 9090}]
    resources: {limits: {nvidia.com/gpu: 1}, requests: {cpu: 250m}}
    securityContext:
      privileged: true
      capabilities: {add: [sys_admin, CAP_NET_RAW], drop: [ALL]}
      procMount: Unmasked
      seLinuxOptions: {type: spc_t}
    volumeMounts:
    - {name: run, mountPath: /host/run, mountPropagation: Bidirectional}
    - {name: tok, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
    - {name: cfg, mountPath: /cfg, readOnly: true}
status:
  phase: Running
  containerStatuses:
  - {name: web, restartCount: 7, imageID: 'registry.example/shop/web@sha256:1111111111111111111111111111111111111111111111111111111111111111'}
`

const hardenedPod = `
metadata: {name: api-0, namespace: shop}
spec:
  restartPolicy: OnFailure
  hostUsers: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    seccompProfile: {type: RuntimeDefault}
    appArmorProfile: {type: RuntimeDefault}
  containers:
  - name: api
    image: registry.example/api@sha256:2222222222222222222222222222222222222222222222222222222222222222
    livenessProbe: {httpGet: {path: /, port: 80}}
    resources: {limits: {cpu: 1500m, memory: 64Mi}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: tmp, mountPath: /tmp}]
  volumes: [{name: tmp, emptyDir: {medium: Memory}}]
`

func podOf(t *testing.T, text string) model.KubePod {
	t.Helper()
	var p corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return (&Client{o: testOptions()}).pod(&p)
}

func TestSinfulPod(t *testing.T) {
	got := podOf(t, sinfulPod)
	labels := map[string]string{
		"app": "web", "pod-template-hash": "5d8", "io.bulkhead.sensitivity": "secret", "io.bulkhead.tenant": "t1",
		"password": "[secret]",
	}
	all := map[string]string{"note": "hello"}
	for k, v := range labels {
		all[k] = v
	}
	want := model.KubePod{
		Namespace: "shop", Name: "web-5d8-abc", Node: "n1", Phase: "Running", Owner: "Deployment/web",
		ServiceAccount: "web", AutomountToken: true, NodeSelector: []string{"level=secret", "zone=a"},
		Sensitivity: "secret", Labels: labels,
		Containers: []model.KubeContainer{{Name: "web", Restarts: 7, Workload: model.Workload{
			Image: model.ImageRef{
				Ref: "registry.example/shop/web:1.2.3", Kind: model.RefVersionTag, Registry: "registry.example",
				Name: "shop/web", Tag: "1.2.3", Digest: "sha256:" + strings.Repeat("1", 64),
			},
			Entrypoint: []string{"/web"}, Args: []string{"--password=[secret]", "--port=80"}, EntrypointOverridden: true,
			Root: true, Privileged: true, CapAdd: []string{"CAP_NET_RAW", "CAP_SYS_ADMIN"}, CapDrop: []string{"ALL"},
			Seccomp: "unconfined", SELinux: []string{"type:spc_t"}, MaskedPathsOff: true,
			Namespaces: model.Namespaces{Network: "host", PID: "host", IPC: "host", UTS: "host", User: "host"},
			Mounts: []model.Mount{
				{
					Type: "hostPath", Source: "/var/run", Resolved: "/var/run", Target: "/host/run", Propagation: "rshared",
					Volume: "run", EngineSocket: true,
				},
				{Type: "projected", Target: tokenPath, ReadOnly: true, Propagation: "private", Volume: "tok"},
				{Type: "secret", Source: "db", Target: "/cfg", ReadOnly: true, Propagation: "private", Volume: "cfg"},
			},
			Devices: []model.Device{{Request: "nvidia.com/gpu=1"}},
			Sysctls: []model.KeyVal{{Key: "net.ipv4.ip_forward", Value: "1"}},
			Limits:  model.Limits{CPUShares: 256},
			Ports:   []model.PortMap{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
			Restart: "always", EnvNames: []string{"DB_PASSWORD", "NODE"},
			Secrets: []model.SecretSighting{
				{Place: "arg", Kind: "password", Digest: "d"},
				{Place: "env:DB_PASSWORD", Kind: "password", Digest: "d"},
				{Place: "label:password", Kind: "password", Digest: "d"},
			},
			Labels: all, Tenant: "t1", Sensitivity: "secret",
		}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if b, err := json.Marshal(got); err != nil || strings.Contains(string(b), "hunter2") {
		t.Errorf("a secret is in %s (%v)", b, err)
	}
}

func TestHardenedPod(t *testing.T) {
	got := podOf(t, hardenedPod).Containers[0].Workload
	digest := "sha256:" + strings.Repeat("2", 64)
	want := model.Workload{
		Image: model.ImageRef{
			Ref: "registry.example/api@" + digest, Kind: model.RefDigest, Registry: "registry.example", Name: "api", Digest: digest,
		},
		User: "1000:1000", UserEffective: "1000:1000", CapDrop: []string{"ALL"}, NoNewPrivileges: true,
		Seccomp: "default", AppArmor: "runtime/default", ReadOnlyRoot: true, HasHealthcheck: true, Restart: "on-failure",
		Namespaces: model.Namespaces{Network: "pod", PID: "private", IPC: "pod", UTS: "pod", User: "private"},
		Mounts:     []model.Mount{{Type: "tmpfs", Target: "/tmp", Propagation: "private", Volume: "tmp"}},
		Limits:     model.Limits{MemoryBytes: 64 << 20, NanoCPUs: 1.5e9},
		Labels:     map[string]string{},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReachesEngine(t *testing.T) {
	for p, want := range map[string]bool{
		"/": true, "/run": true, "/var/run": true, "/var/run/docker.sock": true, "/run/containerd": true,
		"/run/crio/crio.sock": true, "/var": false, "/run/d": false, "/var/runner": false, "/srv": false, "/run/docker.sock.d": false,
	} {
		if got := reachesEngine(p); got != want {
			t.Errorf("reachesEngine(%q) = %v", p, got)
		}
	}
}

// FuzzPod starts from small pods, each with one part: what the fuzzer finds it shortens byte by byte.
func FuzzPod(f *testing.F) {
	for _, s := range []string{
		`{"metadata":{"name":"a","labels":{"pod-template-hash":"1"},"ownerReferences":[{"kind":"ReplicaSet","name":"a-1","controller":true}]}}`,
		`{"spec":{"hostNetwork":true,"hostPID":true,"hostIPC":true,"hostUsers":false,"nodeSelector":{"a":"b"}}}`,
		`{"spec":{"securityContext":{"runAsNonRoot":true,"runAsUser":1,"runAsGroup":2,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{}]}}`,
		`{"spec":{"containers":[{"securityContext":{"privileged":true,"capabilities":{"add":["x"]},"procMount":"Unmasked"}}]}}`,
		`{"spec":{"containers":[{"volumeMounts":[{"name":"x","mountPath":"/m"}]}],"volumes":[{"name":"x","hostPath":{"path":"/run"}}]}}`,
		`{"spec":{"containers":[{"name":"c","image":"r/x:1","command":["a"],"args":["--b=c"],"env":[{"name":"E","value":"v"}]}]}}`,
		`{"spec":{"containers":[{"name":"c"}]},"status":{"containerStatuses":[{"name":"c","imageID":"r/x@sha256:1"}]}}`,
		`{"spec":{"containers":[{"resources":{"limits":{"cpu":"1500m","a/b":"1"}},"ports":[{"hostPort":1}]}]}}`,
		`{"spec":{"containers":[{"volumeMounts":[{"name":"x"}]}],"volumes":[{"name":"x"}]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p corev1.Pod
		if json.Unmarshal(data, &p) != nil {
			return
		}
		if _, err := json.Marshal((&Client{o: testOptions()}).pod(&p)); err != nil {
			t.Skip(err) // a year that JSON cannot hold
		}
	})
}
