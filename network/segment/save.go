package segment

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// errMalformed says that rules are not understood.
var errMalformed = errors.New("not understood")

// parseSave reads the output of iptables-save.
func parseSave(family string, raw []byte) ([]chain, error) {
	var chains []chain
	at := map[string]int{}
	table := ""
	sc := bufio.NewScanner(bytes.NewReader(raw))
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		switch {
		case line == "" || line[0] == '#' || line == "COMMIT":
		case line[0] == '*':
			table = line[1:]
		case line[0] == ':':
			f := strings.Fields(line[1:])
			if len(f) < 2 || table == "" {
				return nil, fmt.Errorf("line %d of iptables-save: a chain without a policy: %w", n, errMalformed)
			}
			at[table+" "+f[0]] = len(chains)
			chains = append(chains, chain{family: family, table: table, name: f[0], hook: builtin(f[1], f[0]), policy: policy(f[1])})
		default:
			words := fields(line)
			if len(words) > 0 && strings.HasPrefix(words[0], "[") {
				words = words[1:] // counters of iptables-save -c
			}
			if len(words) < 2 || words[0] != "-A" {
				return nil, fmt.Errorf("line %d of iptables-save is neither chain nor rule: %w", n, errMalformed)
			}
			i, ok := at[table+" "+words[1]]
			if !ok {
				return nil, fmt.Errorf("line %d of iptables-save adds to a chain that is not there: %w", n, errMalformed)
			}
			chains[i].rules = append(chains[i].rules, parseRule(words[2:], at, table))
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("reading iptables-save: %w: %w", err, errMalformed)
	}
	return chains, nil
}

// builtin returns the hook of a chain that has a policy.
func builtin(policy, name string) string {
	if policy == "-" {
		return ""
	}
	return strings.ToLower(name)
}

func policy(word string) string {
	if word == "-" {
		return ""
	}
	return strings.ToLower(word)
}

// parseRule reads the words after the chain's name.
func parseRule(words []string, chains map[string]int, table string) (r rule) {
	protocol, negated := "", false
	for i := 0; i < len(words); i++ {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch w := words[i]; w {
		case "!":
			negated, r.conditional = true, true
			continue
		case "-i", "--in-interface":
			r.in, i = name(next, negated), i+1
		case "-o", "--out-interface":
			r.out, i = name(next, negated), i+1
		case "-p", "--protocol":
			protocol, r.conditional, i = next, true, i+1
		case "-m", "--match":
			r.limited = r.limited || limits(next)
			r.conditional = r.conditional || next != "comment"
			i++
		case "--comment":
			i++
		case "--dport", "--dports", "--destination-port":
			if (protocol == "udp" || protocol == "17") && !negated && slices.Contains(strings.Split(next, ","), strconv.Itoa(vxlanPort)) {
				r.udpPort = vxlanPort
			}
			i++
		case "-j", "-g":
			r.action, r.target = action(next), next
			if _, ok := chains[table+" "+next]; ok {
				r.action = "jump"
			}
			return r
		default:
			r.conditional = true
		}
		negated = false
	}
	return r
}

// name is the interface when the rule names exactly one.
func name(word string, negated bool) string {
	if negated || strings.HasSuffix(word, "+") {
		return "" // "everything but" and "begins with" name no bridge
	}
	return word
}

// limits says whether the match bounds rates or numbers.
func limits(match string) bool {
	switch match {
	case "limit", "hashlimit", "connlimit", "connbytes", "quota":
		return true
	}
	return false
}

// action brings targets of iptables into the common form. LOG ends nothing and is no action.
func action(target string) string {
	switch target {
	case "DROP", "REJECT":
		return "drop"
	case "ACCEPT":
		return "accept"
	case "RETURN":
		return "return"
	case "LOG", "NFLOG", "TRACE", "":
		return ""
	}
	return "other"
}

// fields cuts a line into words; a word in double quotes may hold spaces.
func fields(line string) []string {
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			end := 1
			for end < len(line) && line[end] != '"' {
				if line[end] == '\\' {
					end++
				}
				end++
			}
			out = append(out, line[1:min(end, len(line))])
			line = line[min(end+1, len(line)):]
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		out = append(out, word)
		line = rest
	}
	return out
}
