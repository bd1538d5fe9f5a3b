package assess

import "github.com/bulkhead-security/bulkhead/model"

// The lists of this file are the product's knowledge of what belongs on a container host, as globs. Names of processes
// may be cut to 15 characters by the kernel, hence the stars. The settings' host profile adds to what is allowed.

// platformProcesses are the processes of a minimal host: init and its helpers, sign-in, time, logs, network, the
// guest's agent, the container platform, and agents that watch the host.
func platformProcesses() []string {
	return []string{
		"init", "systemd", "systemd-*", "(sd-pam)", "dbus-daemon", "dbus-broker*", "dbus-launch", "openrc*", "supervise-daemo*",
		"runsv*", "runit*", "s6-*", "tini", "dumb-init", "catatonit", "udevd", "eudev", "mdevd", "polkitd", "agetty", "getty",
		"mingetty", "login", "sshd*", "sftp-server", "sudo", "su", "bash", "sh", "ash", "dash", "zsh", "fish", "tmux*", "screen",
		"cron", "crond", "anacron", "atd", "rsyslogd", "syslogd", "klogd", "syslog-ng", "auditd", "audispd", "audisp-*",
		"chronyd", "ntpd", "ntp-*", "NetworkManager", "nm-*", "dhclient", "dhcpcd*", "udhcpc", "wickedd*", "networkd-dispat*",
		"irqbalance", "acpid", "smartd", "mdadm", "multipathd", "lvm*", "dmeventd", "iscsid", "rngd", "haveged", "jitterentropy*",
		"lldpd", "tuned", "thermald", "mcelog", "rasdaemon", "fwupd", "udisksd", "gssproxy", "sssd*", "nscd", "nslcd",
		"unattended-upgr*", "apt*", "dpkg*", "dnf*", "yum*", "zypper", "snapd", "packagekitd", "needrestart",
		"qemu-ga", "vmtoolsd", "VGAuthService", "hv_*", "cloud-init*", "google_*", "amazon-ssm*", "ssm-*", "waagent*", "update_engine",
		"containerd*", "dockerd*", "docker*", "rootlesskit*", "podman*", "conmon*", "netavark", "aardvark-dns", "crun", "runc*",
		"crio*", "buildkitd", "slirp4netns", "pasta*", "vpnkit", "fuse-overlayfs", "exe",
		"kubelet", "kube-*", "k3s*", "rke2*", "etcd", "flanneld", "calico*", "cilium*", "bird*", "cni*",
		"bulkhead*", "firewalld", "fail2ban*", "nft", "charon*", "keepalived", "falco", "osqueryd", "wazuh-*", "ossec*", "aide",
		"node_exporter", "prometheus-nod*", "cadvisor", "telegraf", "collectd*", "zabbix_agent*", "datadog-*", "filebeat",
		"metricbeat", "auditbeat", "fluent-bit", "fluentd", "vector", "promtail", "alloy", "otelcol*",
	}
}

// workloadProcesses are servers that belong into a container (or on another host), by kind.
func workloadProcesses() []kindOfNames {
	return []kindOfNames{
		{say("database", "数据库"), []string{
			"mysqld", "mariadbd", "postgres", "postmaster", "mongod", "mongos", "redis-server", "valkey-server", "memcached",
			"clickhouse-serv*", "influxd", "couchdb", "cassandra", "sqlservr", "oracle*", "elasticsearch", "opensearch",
		}},
		{say("web or proxy server", "Web 或代理服务器"), []string{
			"nginx", "apache2", "httpd", "caddy", "lighttpd", "haproxy", "traefik", "envoy", "squid", "varnishd",
		}},
		{say("application runtime", "应用运行时"), []string{
			"java", "node", "nodejs", "php*", "dotnet", "gunicorn*", "uwsgi*", "puma*", "beam.smp", "catalina*", "deno", "bun",
		}},
		{say("message broker", "消息中间件"), []string{"rabbitmq*", "kafka*", "mosquit*", "nats-server", "pulsar"}},
		{say("mail, file, name or print server", "邮件、文件、域名或打印服务器"), []string{
			"exim4", "exim", "postfix", "sendmail", "dovecot", "smbd", "nmbd", "vsftpd", "proftpd", "pure-ftpd", "rpc.mountd",
			"named", "dnsmasq", "slapd", "cupsd",
		}},
		{say("build or test runner", "构建或测试执行器"), []string{"gitlab-runner", "jenkins*", "Runner.Listener", "buildbot*"}},
		{say("virtual machine monitor", "虚拟机监控程序"), []string{
			"qemu-system-*", "qemu-kvm", "libvirtd", "virtqemud", "VBoxHeadless", "lxd", "incusd",
		}},
		{say("desktop", "桌面环境"), []string{"Xorg", "Xwayland", "gdm*", "sddm*", "lightdm", "gnome-shell", "plasmashell"}},
	}
}

// workloadServices are units of such servers.
func workloadServices() []string {
	return []string{
		"mysql", "mysqld", "mariadb", "postgresql*", "mongod", "redis*", "valkey*", "memcached", "clickhouse-server", "influxdb*",
		"cassandra", "elasticsearch", "opensearch", "nginx", "apache2", "httpd", "caddy", "lighttpd", "haproxy", "traefik",
		"envoy", "squid", "varnish", "tomcat*", "php*-fpm", "uwsgi*", "gunicorn*", "rabbitmq-server", "kafka", "mosquit*",
		"nats*", "exim4", "postfix", "sendmail", "dovecot", "jenkins", "gitlab-runner*", "libvirtd", "virtqemud", "lxd", "incus",
	}
}

// needlessServices are units that a container host has no use for and that widen what can be attacked.
func needlessServices() []string {
	return []string{
		"avahi-daemon", "cups", "cups-browsed", "bluetooth", "ModemManager", "rpcbind", "nfs-server", "nfs-kernel-server",
		"smbd", "nmbd", "smb", "nmb", "vsftpd", "proftpd", "pure-ftpd", "telnet", "telnetd", "rsh", "rlogin", "rexec", "tftp",
		"tftpd-hpa", "xinetd", "inetd", "openbsd-inetd", "ypserv", "ypbind", "snmpd", "slapd", "dhcpd", "isc-dhcp-server",
		"named", "bind9", "dnsmasq", "apport", "whoopsie", "debug-shell", "autofs", "gdm", "gdm3", "lightdm", "sddm", "squid",
	}
}

// platformListeners are sockets of a minimal host: "process" or "process:port/protocol", and "port/protocol" for those
// that the kernel owns.
func platformListeners() []string {
	return []string{
		"sshd*", "init:22/tcp", "systemd:22/tcp", "systemd-resolve*", "systemd-network*", "systemd-timesyn*", "chronyd", "ntpd",
		"NetworkManager", "dhclient", "dhcpcd*", "udhcpc", "dockerd*", "docker-proxy", "containerd*", "podman*", "rootlessport*",
		"aardvark-dns", "kubelet", "kube-*", "k3s*", "rke2*", "etcd", "cilium*", "calico*", "bird*", "bulkhead*", "charon*",
		"keepalived", "node_exporter", "prometheus-nod*", "cadvisor", "zabbix_agent*", "4789/udp", "8472/udp", "51820/udp",
	}
}

// needlessPackages are packages that a container host has no use for, by kind.
var (
	developmentPackages = []string{
		"gcc", "gcc-[0-9]", "gcc-[0-9][0-9]", "gcc-c++", "g++", "g++-*", "clang", "clang-[0-9]*", "tcc", "make", "cmake", "ninja-build",
		"autoconf", "automake", "bison", "flex", "nasm", "build-essential", "build-base", "gdb", "ltrace", "golang", "golang-go",
		"go", "rustc", "rust", "cargo", "kernel-devel", "openjdk-*-jdk*", "java-*-openjdk-devel", "mono-devel",
	}
	desktopPackages = []string{
		"xserver-xorg", "xserver-xorg-core", "xorg-server", "xorg-x11-server-*", "xwayland", "gnome-shell", "gdm", "gdm3", "sddm",
		"lightdm", "plasma-desktop", "plasma-workspace", "xfce4", "task-*-desktop", "firefox*", "chromium", "libreoffice-core",
	}
	legacyPackages = []string{
		"telnetd", "telnet-server", "inetutils-telnetd", "rsh-server", "rsh-redone-server", "inetutils-inetd",
		"talkd", "talk-server", "fingerd", "finger-server", "tftpd", "tftpd-hpa", "atftpd", "tftp-server", "nis", "ypserv",
		"ypbind", "xinetd", "openbsd-inetd", "ftpd", "inetutils-ftpd",
	}
	serverPackages = []string{
		"apache2", "httpd", "nginx", "lighttpd", "caddy", "tomcat[0-9]*", "php*-fpm", "haproxy", "squid", "varnish",
		"mysql-server*", "mariadb-server*", "mariadb", "postgresql-[0-9]*", "postgresql-server", "mongodb*", "redis-server",
		"redis", "valkey", "memcached", "elasticsearch", "rabbitmq-server", "bind9", "bind", "dnsmasq", "samba", "nfs-kernel-server",
		"nfs-server", "cups", "cups-daemon", "dovecot-core", "dovecot", "postfix", "exim4-daemon*", "sendmail", "slapd",
		"openldap-servers", "snmpd", "net-snmp", "isc-dhcp-server", "dhcp-server", "avahi-daemon", "rpcbind", "vsftpd",
		"proftpd*", "pure-ftpd", "libvirt-daemon", "jenkins", "gitlab-runner",
	}
)

// usualSetuid are the setuid and setgid programs of the distributions; they are usual only in systemDirs.
func usualSetuid() []string {
	return []string{
		"su", "sudo", "sudoedit", "doas", "passwd", "chsh", "chfn", "chage", "expiry", "newgrp", "sg", "gpasswd", "mount", "umount",
		"fusermount", "fusermount3", "wall", "write", "bsd-write", "crontab", "at", "ssh-agent", "pkexec", "dotlockfile",
		"newuidmap", "newgidmap", "unix_chkpwd", "pam_extrausers_chkpwd", "pam_timestamp_check", "userhelper", "usernetctl",
		"grub2-set-bootflag", "mount.nfs*", "mount.cifs", "ntfs-3g", "polkit-agent-helper-1", "dbus-daemon-launch-helper",
		"ssh-keysign", "utempter", "bbsuid", "snap-confine", "sss_*", "krb5_child", "ldap_child", "proxy_child",
		"selinux_child", "plocate", "locate", "mlocate", "ping", "traceroute6.iputils", "postdrop", "postqueue", "lockdev",
		"staprun", "cockpit-session", "vmware-user-suid-wrapper", "p11_child", "pppd",
	}
}

var systemDirs = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/libexec", "/snap"}

// needlessModules are kernel modules of network protocols, file systems and buses that a container host has no use for
// and in which attackers have found ways up.
func needlessModules() []string {
	return []string{
		"dccp", "dccp_*", "sctp", "rds", "rds_*", "tipc", "n_hdlc", "ax25", "netrom", "x25", "rose", "decnet", "econet", "af_802154",
		"ipx", "appletalk", "psnap", "p8023", "p8022", "can", "atm", "cramfs", "freevxfs", "jffs2", "hfs", "hfsplus", "udf",
		"usb_storage", "uas", "firewire_core", "firewire_ohci", "thunderbolt", "bluetooth", "vivid", "floppy",
	}
}

// kindOfNames are globs of one kind of thing.
type kindOfNames struct {
	kind  model.Text
	globs []string
}
