package secret

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// form is a kind of secret that is told by its own look. The expression is tried only where the mark stands, so that
// a text without any mark costs no more than looking for them.
type form struct {
	kind, mark string
	re         *regexp.Regexp
	// inside is true for marks that may stand within a word.
	inside bool
}

// word is the tail of most tokens; anchored at the mark.
func word(mark, tail string) *regexp.Regexp {
	return regexp.MustCompile(`^` + regexp.QuoteMeta(mark) + tail)
}

func token(kind, mark, tail string) form { return form{kind: kind, mark: mark, re: word(mark, tail)} }

// forms are token formats as their issuers document them, a little wider, since issuers change lengths.
var forms = []form{
	token("aws-access-key", "AKIA", `[A-Z0-9]{16}\b`),
	token("aws-access-key", "ASIA", `[A-Z0-9]{16}\b`),
	token("github-token", "ghp_", `[A-Za-z0-9]{20,}`),
	token("github-token", "gho_", `[A-Za-z0-9]{20,}`),
	token("github-token", "ghu_", `[A-Za-z0-9]{20,}`),
	token("github-token", "ghs_", `[A-Za-z0-9]{20,}`),
	token("github-token", "ghr_", `[A-Za-z0-9]{20,}`),
	token("github-token", "github_pat_", `[A-Za-z0-9_]{22,}`),
	token("gitlab-token", "glpat-", `[A-Za-z0-9_.-]{20,}`),
	token("gitlab-token", "glrt-", `[A-Za-z0-9_.-]{20,}`),
	token("gitlab-token", "gldt-", `[A-Za-z0-9_.-]{20,}`),
	token("slack-token", "xox", `[abeoprs]-[A-Za-z0-9-]{10,}`),
	token("slack-webhook", "https://hooks.slack.com/services/", `[A-Za-z0-9/]{20,}`),
	token("google-api-key", "AIza", `[A-Za-z0-9_-]{35}`),
	token("google-oauth", "GOCSPX-", `[A-Za-z0-9_-]{20,}`),
	token("google-oauth", "ya29.", `[A-Za-z0-9_-]{20,}`),
	token("stripe-key", "sk_live_", `[A-Za-z0-9]{16,}`),
	token("stripe-key", "sk_test_", `[A-Za-z0-9]{16,}`),
	token("stripe-key", "rk_live_", `[A-Za-z0-9]{16,}`),
	token("stripe-key", "whsec_", `[A-Za-z0-9+/=]{24,}`),
	token("openai-key", "sk-proj-", `[A-Za-z0-9_-]{20,}`),
	token("anthropic-key", "sk-ant-", `[A-Za-z0-9_-]{20,}`),
	token("huggingface-token", "hf_", `[A-Za-z0-9]{30,}`),
	token("npm-token", "npm_", `[A-Za-z0-9]{36,}`),
	token("pypi-token", "pypi-AgE", `[A-Za-z0-9_-]{50,}`),
	token("docker-token", "dckr_pat_", `[A-Za-z0-9_-]{20,}`),
	token("digitalocean-token", "dop_v1_", `[a-f0-9]{64}`),
	token("vault-token", "hvs.", `[A-Za-z0-9_-]{24,}`),
	token("sendgrid-key", "SG.", `[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`),
	token("shopify-token", "shpat_", `[a-fA-F0-9]{32}`),
	token("age-key", "AGE-SECRET-KEY-1", `[A-Z0-9]{40,}`),
	token("swarm-join-token", "SWMTKN-1-", `[a-z0-9]{20,}-[a-z0-9]{20,}`),
	token("jwt", "eyJ", `[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`),
	token("password-hash", "$apr1$", `[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}`),
	token("password-hash", "$2", `[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}`),
	{kind: "azure-sas", mark: "sig=", re: regexp.MustCompile(`^sig=[A-Za-z0-9%+/]{40,}=*`)},
	{kind: "private-key", mark: "-----BEGIN ", inside: true, re: regexp.MustCompile(
		`^-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?s:.*?-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|.*)`)},
}

// findForms finds secrets of a known look.
func findForms(s string) (out []span) {
	for _, f := range forms {
		for at := 0; ; {
			n := strings.Index(s[at:], f.mark)
			if n < 0 {
				break
			}
			start := at + n
			at = start + len(f.mark)
			if start > 0 && isAlnum(s[start-1]) && isAlnum(f.mark[0]) && !f.inside {
				continue
			}
			if m := f.re.FindStringIndex(s[start:]); m != nil {
				at = start + m[1]
				out = append(out, span{start, at, f.kind, true})
			}
		}
	}
	return out
}

// findURLs finds passwords in scheme://user:password@host.
func findURLs(s string) (out []span) {
	for at := 0; ; {
		n := strings.Index(s[at:], "://")
		if n < 0 {
			return out
		}
		at += n + len("://")
		rest := s[at:]
		if end := strings.IndexAny(rest, " \t\r\n\"'`<>"); end >= 0 {
			rest = rest[:end]
		}
		// A password may hold a slash or a question mark when it was pasted as it is, so the last @ that comes before
		// the next URL counts. A path with an @ has no colon before it.
		if next := strings.Index(rest, "://"); next >= 0 {
			rest = rest[:next]
		}
		host := strings.LastIndexByte(rest, '@')
		colon := strings.IndexByte(rest, ':')
		if host < 0 || colon < 0 || colon+1 >= host || strings.ContainsAny(rest[:colon], "/?#") || port(rest[colon+1:host]) {
			continue
		}
		if plausible("password", rest[colon+1:host]) {
			out = append(out, span{at + colon + 1, at + host, "url-credentials", true})
		}
	}
}

// port says whether the text is a port number with what follows it in a URL, as in http://host:80/a@b.
func port(s string) bool {
	digits, _, ok := strings.Cut(s, "/")
	return ok && digits != "" && len(digits) <= 5 && strings.Trim(digits, "0123456789") == ""
}

// findHeaders finds what follows "Bearer " and "Basic " in an Authorization header.
func findHeaders(s string) (out []span) {
	for _, scheme := range []struct{ mark, kind string }{{"bearer", "bearer-token"}, {"basic", "basic-auth"}} {
		for at := 0; ; {
			n := indexFold(s[at:], scheme.mark)
			if n < 0 {
				break
			}
			start := at + n + len(scheme.mark)
			at = start
			v := strings.TrimLeft(s[start:], " \t")
			if len(v) == len(s)-start {
				continue
			}
			start = len(s) - len(v)
			if end := strings.IndexAny(v, " \t\r\n\"'`,"); end >= 0 {
				v = v[:end]
			}
			if scheme.kind == "basic-auth" && !isBasic(v) || len(v) < 8 || !plausible("token", v) {
				continue
			}
			if !strings.ContainsAny(v, "0123456789._-") && !authorization(s[:start]) {
				continue // "bearer certificates" in prose
			}
			at = start + len(v)
			out = append(out, span{start, at, scheme.kind, true})
		}
	}
	return out
}

func authorization(before string) bool {
	return indexFold(before[max(0, len(before)-40):], "authorization") >= 0
}

// indexFold is strings.Index of a lower-case ASCII mark, whatever the case in s.
func indexFold(s, mark string) int {
	for i := 0; i+len(mark) <= len(s); i++ {
		if s[i]|0x20 == mark[0] && strings.EqualFold(s[i:i+len(mark)], mark) {
			return i
		}
	}
	return -1
}

// isBasic says whether the value is base64 of user:password.
func isBasic(v string) bool {
	raw, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(v)
	}
	return err == nil && strings.Contains(string(raw), ":")
}
