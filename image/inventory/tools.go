package inventory

import (
	"path"
	"strings"
)

// toolClasses are programs that have no place in an application's image, by what they are good for.
var toolClasses = classes(map[string]string{
	"remote-login":     "sshd dropbear dropbearmulti telnetd in.telnetd utelnetd rshd in.rshd rlogind in.rlogind in.rexecd xrdp x11vnc Xvnc vncserver ttyd gotty shellinaboxd tmate",
	"package-manager":  "apt apt-get aptitude dpkg apk yum dnf microdnf tdnf rpm zypper pacman opkg snap pip pipx easy_install npm yarn pnpm gem composer conda mamba",
	"compiler":         "gcc cc g++ c++ clang clang++ tcc go rustc cargo javac make gmake cmake nvcc gfortran ghc",
	"network-tool":     "nc nc.openbsd nc.traditional ncat netcat nmap masscan tcpdump tshark dumpcap socat telnet hping ettercap arpspoof dsniff hydra",
	"container-client": "docker kubectl crictl podman nerdctl ctr buildah runc oc",
})

func classes(names map[string]string) map[string]string {
	out := map[string]string{}
	for class, list := range names {
		for _, name := range strings.Fields(list) {
			out[name] = class
		}
	}
	return out
}

// toolClass returns the class of the program, or "". A version in the name (gcc-12, pip3.11) and the machine before it
// (x86_64-linux-gnu-gcc) do not matter.
func toolClass(p string) string {
	dir, name := path.Split(p)
	if d := path.Base(dir); d != "bin" && d != "sbin" && d != "/" {
		return ""
	}
	if c := toolClasses[name]; c != "" {
		return c
	}
	name = strings.TrimRight(strings.TrimRight(name, "0123456789."), "-")
	if c := toolClasses[name]; c != "" {
		return c
	}
	if _, tail, ok := strings.Cut(name, "-linux-gnu-"); ok && toolClasses[tail] == "compiler" {
		return "compiler"
	}
	return ""
}

// applet says whether a link of the class to busybox does what its name promises. busybox has a working nc and telnetd;
// its dpkg and rpm only unpack files and install nothing from anywhere.
func applet(class string) bool { return class == "network-tool" || class == "remote-login" }
