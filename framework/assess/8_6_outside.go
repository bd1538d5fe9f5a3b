package assess

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// outsideChecks answer for 8.6.2.b: rules of the host stand between other hosts and the containers inside.
func outsideChecks() []Check {
	return []Check{
		{
			ID: "8.6.2.b/host-firewall", Severity: model.High, Essential: true,
			Title:      say("Rules of the host protect published ports", "主机规则保护已发布的端口"),
			References: []string{"NIST SP 800-190 4.3.3", "ATT&CK T1190"},
			Remediation: say("Allow the peers that are meant and drop the rest before the engine's rules: iptables -I DOCKER-USER -i INTERFACE -m conntrack --ctstate NEW -j DROP && iptables -I DOCKER-USER -i INTERFACE -s NETWORK -p tcp --dport CONTAINER_PORT -j ACCEPT; publish what only this host needs on 127.0.0.1.",
				"在引擎规则之前放行指定对端并丢弃其余：iptables -I DOCKER-USER -i INTERFACE -m conntrack --ctstate NEW -j DROP && iptables -I DOCKER-USER -i INTERFACE -s NETWORK -p tcp --dport CONTAINER_PORT -j ACCEPT；仅本机所需的端口发布在 127.0.0.1。"),
			Eval: evalHostFirewall,
		},
		{
			ID: "8.6.2.b/published-addresses", Severity: model.Medium,
			Title:      say("Ports are published on specific addresses", "端口发布在指定地址上"),
			References: []string{benchReference + "5.14"},
			Remediation: say("docker run -p ADDRESS:HOST_PORT:CONTAINER_PORT with an address of this host (127.0.0.1 for local use); as a default: \"ip\": \"127.0.0.1\" in /etc/docker/daemon.json.",
				"使用 docker run -p ADDRESS:HOST_PORT:CONTAINER_PORT 指定本机地址（仅本机使用时为 127.0.0.1）；默认值：在 /etc/docker/daemon.json 中设置 \"ip\": \"127.0.0.1\"。"),
			Eval: evalPublishedAddresses,
		},
		{
			ID: "8.6.2.b/privileged-ports", Severity: model.Low,
			Title:      say("No host port below 1024 is published", "未发布 1024 以下的主机端口"),
			References: []string{benchReference + "5.8"},
			Remediation: say("docker run -p ADDRESS:8443:443 and put a load balancer before it; record an exception where the port is needed.",
				"使用 docker run -p ADDRESS:8443:443，并在其前部署负载均衡；确需该端口时记录例外。"),
			Eval: evalPrivilegedPorts,
		},
		{
			ID: "8.6.2.b/needed-ports", Severity: model.Medium,
			Title:      say("Only ports that the image declares are published", "仅发布镜像声明的端口"),
			References: []string{benchReference + "5.9"},
			Remediation: say("Publish the needed ports by name (-p ADDRESS:PORT:PORT, not -P), or declare the port in the Dockerfile: EXPOSE PORT.",
				"按需逐个发布端口（使用 -p ADDRESS:PORT:PORT，不用 -P），或在 Dockerfile 中声明：EXPOSE PORT。"),
			Eval: evalNeededPorts,
		},
		{
			ID: "8.6.2.b/userland-proxy", Severity: model.Low,
			Title:      say("The userland proxy is off", "用户态代理已关闭"),
			References: []string{benchReference + "2.16"},
			Remediation: say(`Set "userland-proxy": false in /etc/docker/daemon.json, then systemctl restart docker.`,
				`在 /etc/docker/daemon.json 中设置 "userland-proxy": false，然后执行 systemctl restart docker。`),
			Eval: evalUserlandProxy,
		},
		{
			ID: "8.6.2.b/vxlan", Severity: model.High,
			Title:      say("Overlay packets are taken from known peers only", "仅接受来自已知对端的覆盖网络数据包"),
			References: []string{"ATT&CK T1599"},
			Remediation: say("iptables -I INPUT -p udp --dport 4789 -j DROP; then for each node: iptables -I INPUT -p udp --dport 4789 -s NODE -j ACCEPT.",
				"iptables -I INPUT -p udp --dport 4789 -j DROP；再对每个节点执行 iptables -I INPUT -p udp --dport 4789 -s NODE -j ACCEPT。"),
			Eval: evalVXLAN,
		},
	}
}

// published is a port of a workload that the host listens on.
type published struct {
	placed
	port    model.PortMap
	pointer string
}

func (p published) String() string {
	host := p.port.HostIP
	if host == "" {
		host = "*"
	}
	return fmt.Sprintf("%s:%d->%d/%s", host, p.port.HostPort, p.port.ContainerPort, p.port.Protocol)
}

// everywhere says whether the port is open on every address; local whether on the loopback interface only.
func (p published) everywhere() bool {
	return slices.Contains([]string{"", "0.0.0.0", "::", "*"}, p.port.HostIP)
}

func (p published) local() bool {
	a, err := netip.ParseAddr(p.port.HostIP)
	return err == nil && a.IsLoopback()
}

// publishedPorts lists what is published, or records why there is nothing to judge.
func publishedPorts(in *Input, r *Recorder) []published {
	if missingWorkloads(in, r) {
		return nil
	}
	var out []published
	for _, w := range in.workloads(false) {
		for i, m := range w.w.Ports {
			if m.HostPort > 0 {
				out = append(out, published{w, m, fmt.Sprintf("%s/ports/%d", w.pointer, i)})
			}
		}
	}
	if len(out) == 0 {
		r.NotApplicable("/containers", say("no running container publishes a port", "没有运行中的容器发布端口"))
	}
	return out
}

// eachPublished asks the question of every published port.
func eachPublished(in *Input, r *Recorder, good model.Text, judge func(p published) bool) {
	all := publishedPorts(in, r)
	fine := 0
	for _, p := range all {
		if !judge(p) {
			fine++
		}
	}
	passRest(r, "/containers", fine, len(all), good)
}

func evalHostFirewall(in *Input, r *Recorder) {
	all := publishedPorts(in, r)
	if len(all) == 0 {
		return
	}
	open := slices.DeleteFunc(slices.Clone(all), published.local)
	if len(open) == 0 {
		r.Pass("/containers", "", say("ports are published on the loopback address only", "端口仅发布在回环地址"))
		return
	}
	if enforcing(in, model.ControlSegmentation) {
		control(in, r, model.ControlSegmentation, model.CheckFail)
		return
	}
	if undecided(in, r, "", "/firewall", "/controls") {
		return
	}
	if fw := in.Snap.Firewall; fw != nil && fw.DockerUserRules > 0 {
		r.Pass("/firewall/docker_user_rules", "", say("DOCKER-USER has %d rules of the operator", "DOCKER-USER 有 %d 条运维方规则", fw.DockerUserRules))
		return
	}
	if ptr, what, ok := ownRules(in.Snap.Firewall); ok {
		r.Warn(ptr, "", what)
		return
	}
	for _, p := range open {
		r.Fail(p.pointer, p.subject, say("%s can be reached without any rule of the host, past the host's input rules", "%s 不受任何主机规则限制即可访问，并绕过主机的入站规则", p.String()))
	}
}

// othersTables are tables that programs keep for themselves: they let published ports through, or filter nothing that
// is forwarded. A name that starts with "docker" is the engine's.
var othersTables = []string{
	"nat", "mangle", "raw", "security", "docker*", "netavark", "firewalld", "libvirt*", "kube-proxy", "f2b-table", "fail2ban*", "bulkhead*",
}

// ownRules looks for a table of the operator's, beside the engine's. How far its rules reach is not known.
func ownRules(fw *model.Firewall) (ptr string, what model.Text, ok bool) {
	if fw == nil {
		return "", model.Text{}, false
	}
	for i, t := range fw.Tables {
		foreign := matchesAny(othersTables, t.Name) || t.Name == "filter" && t.Family != "inet"
		if !foreign && t.Rules > 0 && (t.Family == "inet" || t.Family == "ip" || t.Family == "bridge" || t.Family == "netdev") {
			return pointer("firewall", "tables", i), say("the table %s %s has %d rules; whether they cover published ports was not read", "表 %s %s 有 %d 条规则；未读取其是否覆盖已发布的端口", t.Family, t.Name, t.Rules), true
		}
	}
	return "", model.Text{}, false
}

func evalPublishedAddresses(in *Input, r *Recorder) {
	eachPublished(in, r, say("published on specific addresses", "发布在指定地址上"), func(p published) bool {
		if p.everywhere() {
			r.Fail(p.pointer+"/host_ip", p.subject, say("%s is published on every address of the host", "%s 发布在主机的所有地址上", p.String()))
			return true
		}
		return false
	})
}

func evalPrivilegedPorts(in *Input, r *Recorder) {
	eachPublished(in, r, say("published on host ports from 1024 on", "发布在 1024 及以上的主机端口"), func(p published) bool {
		if p.port.HostPort < 1024 {
			r.Warn(p.pointer+"/host_port", p.subject, say("%s takes a privileged port of the host", "%s 占用主机的特权端口", p.String()))
			return true
		}
		return false
	})
}

func evalNeededPorts(in *Input, r *Recorder) {
	exposed := map[string][]string{}
	for _, i := range in.Snap.Images {
		exposed[i.ID] = append([]string{}, i.ExposedPorts...)
	}
	eachPublished(in, r, say("ports that the image declares", "镜像声明的端口"), func(p published) bool {
		ports, ok := exposed[p.w.Image.ID]
		if !ok {
			r.Unknown(p.pointer, p.subject, say("the image of the container is not known, so neither is what it declares", "未知该容器的镜像，因而不知其声明的端口"))
			return true
		}
		if want := fmt.Sprintf("%d/%s", p.port.ContainerPort, p.port.Protocol); !slices.ContainsFunc(ports, func(e string) bool { return declares(e, want, p.port.ContainerPort) }) {
			r.Warn(p.pointer+"/container_port", p.subject, say("%s is published and the image does not declare it", "%s 已发布，但镜像未声明该端口", want))
			return true
		}
		return false
	})
}

// declares says whether an entry of the image's exposed ports, "80/tcp" or "80", is the wanted one.
func declares(entry, want string, port int) bool {
	return entry == want || entry == fmt.Sprint(port) && strings.HasSuffix(want, "/tcp")
}

func evalUserlandProxy(in *Input, r *Recorder) {
	if !engineSide(in, r, "/engine/userland_proxy") {
		return
	}
	if e := in.Snap.Engine; e.UserlandProxy == nil && e.Product != "docker" {
		r.NotApplicable("/engine/product", say("%s has no such setting", "%s 没有此设置", e.Product))
		return
	}
	if on := in.Snap.Engine.UserlandProxy; on == nil || *on {
		r.Warn("/engine/userland_proxy", "", say("a proxy process in user space listens for every published port and hides the peer's address", "每个发布端口都由用户态代理进程监听，且隐藏对端地址"))
		return
	}
	r.Pass("/engine/userland_proxy", "", say("published ports are rules in the kernel only", "发布端口仅由内核规则实现"))
}

func evalVXLAN(in *Input, r *Recorder) {
	if !engineSide(in, r, "/networks") {
		return
	}
	if len(networksOf(in, "overlay")) == 0 {
		r.NotApplicable("/networks", say("there are no overlay networks", "没有覆盖网络"))
		return
	}
	for _, name := range []string{model.ControlSegmentation, model.ControlEncryption} {
		if enforcing(in, name) {
			control(in, r, name, model.CheckFail)
			return
		}
	}
	if undecided(in, r, "", "/firewall", "/controls") {
		return
	}
	if fw := in.Snap.Firewall; fw != nil && fw.VXLANRules > 0 {
		r.Pass("/firewall/vxlan_rules", "", say("%d rules match the overlay's data port", "%d 条规则匹配覆盖网络的数据端口", fw.VXLANRules))
		return
	}
	r.Fail("/firewall/vxlan_rules", "", say("any host that reaches UDP port 4789 can send packets into overlay networks", "任何能访问 UDP 4789 端口的主机都可向覆盖网络注入数据包"))
}
