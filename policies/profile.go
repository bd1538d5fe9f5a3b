package policies

import (
	"fmt"
	"strings"
)

// ProfileCustom is the profile whose rules are an administrator's own.
const ProfileCustom = "custom"

const customHead = `// The profile "custom", begun as a copy of "%s" as it was in Bulkhead %s. It is yours: take out what your hosts need, and add what they
// don't. It holds alone where guard.profile is "custom": what is taken out here is not forbidden by another profile.
`

// Profile is the text of a shipped profile. "restricted" holds beside "baseline".
func Profile(name string) (string, error) {
	if name != "baseline" && name != "restricted" {
		return "", fmt.Errorf("no profile %.80q is shipped: there are baseline and restricted, and custom is made from one of them", name)
	}
	b, err := Files.ReadFile("profile_" + name + ".cedar")
	if err != nil {
		return "", fmt.Errorf("the profile %s: %w", name, err)
	}
	return string(b), nil
}

// Custom is a profile to begin one's own with: all rules of a shipped one, for hosts whose profile is "custom".
func Custom(from, version string) (string, error) {
	base, err := Profile("baseline")
	if err != nil {
		return "", err
	}
	text := rulesOf(base)
	switch from {
	case "baseline":
	case "restricted":
		more, err := Profile("restricted")
		if err != nil {
			return "", err
		}
		text += "\n" + rulesOf(more)
	default:
		_, err := Profile(from)
		return "", err
	}
	for _, condition := range []string{`["baseline", "restricted"].contains(context.profile)`, `context.profile == "restricted"`} {
		text = strings.ReplaceAll(text, condition, `context.profile == "`+ProfileCustom+`"`)
	}
	return fmt.Sprintf(customHead, from, version) + "\n" + text, nil
}

// rulesOf leaves out the head, and the rule about which profiles there are.
func rulesOf(text string) string {
	var rules []string
	for i, part := range strings.Split(text, "\n\n") {
		if i > 0 && !strings.HasPrefix(part, `@id("profile-known")`) {
			rules = append(rules, strings.TrimSpace(part))
		}
	}
	return strings.Join(rules, "\n\n") + "\n"
}
