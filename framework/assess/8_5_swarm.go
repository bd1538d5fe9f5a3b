package assess

import (
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// swarmRightChecks answer for 8.5.c on a swarm: its keys, secrets and doors.
func swarmRightChecks() []Check {
	return []Check{
		{
			ID: "8.5.c/swarm-secrets", Severity: model.High,
			Title:       say("Services get secrets from the swarm, not from their environment", "服务通过 Swarm 机密而非环境变量获取敏感信息"),
			References:  []string{benchReference + "7.4", "ATT&CK T1552.007"},
			Remediation: say("Run: docker secret create NAME FILE; docker service update --env-rm VAR --secret-add NAME SERVICE", "执行：docker secret create NAME FILE；docker service update --env-rm VAR --secret-add NAME SERVICE"),
			Eval:        evalSwarmSecrets,
		},
		{
			ID: "8.5.c/swarm-autolock", Severity: model.High,
			Title:       say("Managers are locked until a person unlocks them", "管理节点重启后需人工解锁"),
			References:  []string{benchReference + "7.5", benchReference + "7.6"},
			Remediation: say("docker swarm update --autolock=true; keep the key outside the hosts and change it regularly: docker swarm unlock-key --rotate", "docker swarm update --autolock=true；密钥保存在主机之外并定期轮换：docker swarm unlock-key --rotate"),
			Eval: func(in *Input, r *Recorder) {
				s := swarmManager(in, r)
				switch {
				case s == nil:
				case s.Autolock:
					r.Pass("/swarm/autolock", "swarm", say("autolock is on; the engine keeps no date of the key, rotate it by calendar", "已启用自动锁定；引擎不记录密钥日期，请按计划轮换"))
				default:
					r.Fail("/swarm/autolock", "swarm", say("autolock is off: a stolen disk holds the swarm's keys in clear", "未启用自动锁定：磁盘失窃即泄露 Swarm 密钥"))
				}
			},
		},
		{
			ID: "8.5.c/swarm-certificates", Severity: model.Medium,
			Title:       say("Node certificates are renewed often", "节点证书频繁更新"),
			References:  []string{benchReference + "7.7"},
			Remediation: say("Run: docker swarm update --cert-expiry 720h", "执行：docker swarm update --cert-expiry 720h"),
			Eval: func(in *Input, r *Recorder) {
				s := swarmManager(in, r)
				if s == nil {
					return
				}
				days := int(s.CertExpiry / (24 * time.Hour))
				text := say("node certificates are valid for %d days", "节点证书有效期为 %d 天", days)
				switch {
				case s.CertExpiry == 0:
					r.Unknown("/swarm/cert_expiry_ns", "swarm", say("the validity of node certificates was not read", "未读取节点证书的有效期"))
				case days > 90:
					r.Fail("/swarm/cert_expiry_ns", "swarm", text)
				default:
					r.Pass("/swarm/cert_expiry_ns", "swarm", text)
				}
			},
		},
		{
			ID: "8.5.c/swarm-ca", Severity: model.Low,
			Title:       say("The swarm's CA is renewed", "Swarm 的 CA 会定期更换"),
			References:  []string{benchReference + "7.8"},
			Remediation: say("Run: docker swarm ca --rotate", "执行：docker swarm ca --rotate"),
			Eval:        evalSwarmCA,
		},
		{
			ID: "8.5.c/swarm-address", Severity: model.Medium,
			Title:       say("Management traffic of the swarm has an address of its own", "Swarm 管理流量使用独立地址"),
			References:  []string{benchReference + "7.2", benchReference + "7.9"},
			Remediation: say("Join again with: docker swarm join --listen-addr MGMT_IP:2377 --advertise-addr MGMT_IP --data-path-addr DATA_IP ...", "使用以下参数重新加入：docker swarm join --listen-addr MGMT_IP:2377 --advertise-addr MGMT_IP --data-path-addr DATA_IP ..."),
			Eval:        evalSwarmAddress,
		},
	}
}

func evalSwarmSecrets(in *Input, r *Recorder) {
	s := swarmManager(in, r)
	if s == nil {
		return
	}
	if len(s.Services) == 0 {
		r.NotApplicable("/swarm/services", say("the swarm has no service", "Swarm 没有服务"))
		return
	}
	good := 0
	for i, svc := range s.Services {
		if !openSecrets(r, pointer("swarm", "services", i, "workload"), svc.Name, &svc.Workload) {
			good++
		}
	}
	passRest(r, "/swarm/services", good, len(s.Services), say("no secret in environment or arguments", "环境变量和参数中没有敏感信息"))
}

// maxCADays is how old the swarm's CA certificate may be.
const maxCADays = 3 * 365

func evalSwarmCA(in *Input, r *Recorder) {
	s := swarmManager(in, r)
	if s == nil {
		return
	}
	switch days := ageDays(in, s.CACreated); {
	case s.ExternalCA:
		r.Pass("/swarm/external_ca", "swarm", say("an external CA issues certificates and is renewed there", "由外部 CA 签发证书并负责更换"))
	case s.RootRotation:
		r.Pass("/swarm/root_rotation", "swarm", say("the CA is being renewed", "CA 正在更换"))
	case s.CACreated.IsZero():
		r.Unknown("/swarm/ca_created", "swarm", say("the age of the CA certificate was not read", "未读取 CA 证书的签发时间"))
	case days > maxCADays:
		r.Warn("/swarm/ca_created", "swarm", say("the CA certificate is %d days old", "CA 证书已签发 %d 天", days))
	default:
		r.Pass("/swarm/ca_created", "swarm", say("the CA certificate is %d days old", "CA 证书已签发 %d 天", days))
	}
}

func evalSwarmAddress(in *Input, r *Recorder) {
	s := swarmManager(in, r)
	if s == nil {
		return
	}
	const ptr = "/swarm/listen_address"
	switch host, _, _ := strings.Cut(strings.Trim(s.ListenAddress, "[]"), ":"); {
	case s.ListenAddress == "":
		r.Unknown(ptr, "swarm", say("the address on which managers listen was not read", "未读取管理节点的监听地址"))
		return
	case host == "0.0.0.0" || host == "":
		r.Fail(ptr, "swarm", say("managers listen on every address (%s)", "管理节点在所有地址上监听（%s）", s.ListenAddress))
		return
	default:
		r.Pass(ptr, "swarm", say("managers listen on %s only", "管理节点仅在 %s 上监听", s.ListenAddress))
	}
	h := in.Snap.Host
	if h == nil || r.Missing(in, "/host/interfaces") {
		return
	}
	physical := 0
	for _, i := range h.Interfaces {
		if i.Up && len(i.Addresses) > 0 && !virtualKinds[i.Kind] {
			physical++
		}
	}
	if physical == 1 {
		r.Warn("/host/interfaces", "swarm", say("the host has one interface, which carries management and data traffic alike", "主机只有一个网络接口，管理与数据流量共用"))
		return
	}
	r.Pass("/host/interfaces", "swarm", say("%d interfaces allow to separate management from data traffic", "%d 个网络接口可分离管理与数据流量", physical))
}

// virtualKinds are interfaces that lead to no network outside the host by themselves.
var virtualKinds = map[string]bool{
	"bridge": true, "veth": true, "vxlan": true, "loopback": true, "dummy": true, "tun": true, "wireguard": true, "ifb": true,
}
