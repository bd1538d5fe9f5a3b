package assess

import (
	"path"
	"slices"
	"strings"
)

// wrappers run another program that stands after them.
var wrappers = []string{"sudo", "env", "exec", "nohup", "nice", "time", "timeout", "xargs", "command", "tini", "dumb-init"}

// separators of simple commands become ends of lines.
var separators = strings.NewReplacer("&&", "\n", "||", "\n", ";", "\n", "|", "\n", "(", " ", ")", " ", "{", " ", "}", " ")

var shells = []string{"sh", "bash", "ash", "dash", "zsh", "ksh", "fish", "busybox"}

// systemPackageManagers install software of a distribution; languagePackageManagers do so with the subcommands below
// and are ordinary programs of an application with others ("npm start").
var (
	systemPackageManagers = []string{
		"apt", "apt-get", "aptitude", "dpkg", "yum", "dnf", "microdnf", "tdnf", "rpm", "zypper", "apk", "pacman",
		"unattended-upgrade", "unattended-upgrades",
	}
	languagePackageManagers = []string{"pip", "pip3", "npm", "yarn", "pnpm", "gem", "cargo", "easy_install", "conda"}
	installWords            = []string{"install", "i", "add", "update", "upgrade", "remove", "uninstall"}
)

// shellCommands splits a command line into the simple commands in it: programs with their arguments, without the
// wrappers, variables and shells before them. It reads roughly, which is enough to find well-known programs.
func shellCommands(line string) [][]string {
	var out [][]string
	for part := range strings.SplitSeq(separators.Replace(line), "\n") {
		if cmd := stripWrappers(strings.Fields(part)); len(cmd) > 0 {
			cmd[0] = path.Base(strings.Trim(cmd[0], `"'`))
			out = append(out, cmd)
		}
	}
	return out
}

func stripWrappers(words []string) []string {
	for len(words) > 0 {
		word := path.Base(strings.Trim(words[0], `"'`))
		switch {
		case slices.Contains(wrappers, word), strings.Contains(word, "="), strings.HasPrefix(word, "-") && len(words) > 1:
			words = words[1:]
		case slices.Contains(shells, word) && hasInlineScript(words):
			words = words[slices.IndexFunc(words, isInlineFlag)+1:]
		case word == "!" || word == "then" || word == "do" || word == "if" || word == "else":
			words = words[1:]
		default:
			return slices.Clone(words)
		}
	}
	return nil
}

func hasInlineScript(words []string) bool {
	i := slices.IndexFunc(words, isInlineFlag)
	return i > 0 && i+1 < len(words)
}

// isInlineFlag is true for the flag of a shell after which the script stands: -c, also joined as in -ec.
func isInlineFlag(w string) bool {
	return len(w) > 1 && len(w) < 8 && w[0] == '-' && w[1] != '-' && w[len(w)-1] == 'c'
}

// installsSoftware says whether a simple command is a package manager at work, and which.
func installsSoftware(cmd []string) (string, bool) {
	name := cmd[0]
	if strings.HasPrefix(name, "python") && len(cmd) > 3 && cmd[1] == "-m" && slices.Contains(languagePackageManagers, cmd[2]) {
		name, cmd = cmd[2], cmd[2:]
	}
	if slices.Contains(systemPackageManagers, name) {
		return name, true
	}
	if !slices.Contains(languagePackageManagers, name) {
		return "", false
	}
	for _, w := range cmd[1:] {
		if !strings.HasPrefix(w, "-") {
			return name, slices.Contains(installWords, w)
		}
	}
	return "", false
}

// isShell says whether a program is a command shell.
func isShell(program string) bool {
	return slices.Contains(shells, path.Base(strings.TrimPrefix(program, "-")))
}
