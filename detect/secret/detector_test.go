package secret

import (
	"slices"
	"strings"
	"testing"
)

func kinds(t *testing.T, text string) []string {
	t.Helper()
	_, found := New([]byte("k")).Text("p", text)
	var out []string
	for _, f := range found {
		out = append(out, f.Kind)
	}
	return out
}

// The secrets of the tables are put together here, so that no scanner of sources takes them for real ones.
const (
	body20 = "a1B2c3D4e5F6g7H8i9J0"
	jwt    = "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	pem    = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEabc\n-----END RSA " + "PRIVATE KEY-----"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want, kind string }{
		{"DB_PASSWORD=hunter2", "DB_PASSWORD=[secret]", "password"},
		{`/bin/sh -c #(nop)  ENV DB_PASSWORD=correct horse PATH=/bin`, `/bin/sh -c #(nop)  ENV DB_PASSWORD=[secret] PATH=/bin`, "password"},
		{"|1 NPM_TOKEN=abc123def /bin/sh -c npm ci", "|1 NPM_TOKEN=[secret] /bin/sh -c npm ci", "token"},
		{`{"password": "a\"b", "user": "x"}`, `{"password": "[secret]", "user": "x"}`, "password"},
		{`sh -c "{\"apiKey\": \"abc123\"}"`, `sh -c "{\"apiKey\": \"[secret]\"}"`, "api-key"},
		{"app --password=a,b --x=1", "app --password=[secret] --x=1", "password"},
		{"app --password hunter2 --x", "app --password [secret] --x", "password"},
		{"app --db-password 'my pass' run", "app --db-password '[secret]' run", "password"},
		{"mysql -uroot -phunter2 db", "mysql -uroot -p[secret] db", "password"},
		{"sshpass -p hunter2 ssh h", "sshpass -p [secret] ssh h", "password"},
		{"docker login -u me -p hunter2 r.example", "docker login -u me -p [secret] r.example", "password"},
		{"curl -u me:hunter2 https://h", "curl -u me:[secret] https://h", "password"},
		{"redis-server --requirepass s3cr3t", "redis-server --requirepass [secret]", "password"},
		{"postgres://u:p4ss@db:5432/x?a=b", "postgres://u:[secret]@db:5432/x?a=b", "url-credentials"},
		{"amqp://u:p/4@ss@mq:5672", "amqp://u:[secret]@mq:5672", "url-credentials"},
		{"Server=db;Password=a;b!c;Database=x", "Server=db;Password=[secret];Database=x", "password"},
		{"curl -H 'Authorization: Bearer " + body20 + "' u", "curl -H 'Authorization: Bearer [secret]' u", "bearer-token"},
		{"Authorization: Basic dXNlcjpodW50ZXIy", "Authorization: Basic [secret]", "basic-auth"},
		{`{"auths":{"r":{"auth":"dXNlcjpodW50ZXIy"}}}`, `{"auths":{"r":{"auth":"[secret]"}}}`, "registry-auth"},
		{"//r/:_authToken=" + body20, "//r/:_authToken=[secret]", "token"},
		{"aws_secret_access_key = " + body20 + body20, "aws_secret_access_key = [secret]", "secret-key"},
		{"x AKIA" + "IOSFODNN7EXAMPLE y", "x [secret] y", "aws-access-key"},
		{"x ghp_" + body20 + body20 + " y", "x [secret] y", "github-token"},
		{"x github_pat_" + body20 + "_" + body20, "x [secret]", "github-token"},
		{"x glpat-" + body20, "x [secret]", "gitlab-token"},
		{"x xoxb-" + "1234567890-abcdef", "x [secret]", "slack-token"},
		{"x AIza" + body20 + "a1B2c3D4e5F6g7H", "x [secret]", "google-api-key"},
		{"x sk_live_" + body20, "x [secret]", "stripe-key"},
		{"x npm_" + body20 + body20, "x [secret]", "npm-token"},
		{"x " + jwt, "x [secret]", "jwt"},
		{"k: " + pem + "\nz", "k: [secret]\nz", "private-key"},
		{"AccountName=a;AccountKey=" + body20 + "==;Suffix=b", "AccountName=a;AccountKey=[secret];Suffix=b", "secret-key"},
		{"password: hunter2\nuser: x", "password: [secret]\nuser: x", "password"},
		{"docker swarm join --token SWMTKN-1-" + strings.ToLower(body20+"-"+body20), "docker swarm join --token [secret]", "swarm-join-token"},
	} {
		got, found := New([]byte("k")).Text("p", c.in)
		if got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
			continue
		}
		if len(found) != 1 || found[0].Kind != c.kind || found[0].Place != "p" || len(found[0].Digest) != 16 {
			t.Errorf("%q: found %+v, want one %s", c.in, found, c.kind)
		}
	}
}

func TestTextNothing(t *testing.T) {
	for _, in := range []string{
		"", "PATH=/usr/bin", "PASSWORD=", "PASSWORD=${DB_PASSWORD}", "PASSWORD=$DB_PASSWORD", "DB_PASSWORD_FILE=/run/secrets/db",
		"SECRET=/run/secrets/x", "MYSQL_ALLOW_EMPTY_PASSWORD=yes", "TOKEN_TTL=3600", "MAX_TOKENS=4096", "PWD=/app",
		"password: the password of the user", "a token: expired", "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
		"PYTHON_SHA256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "https://example.org:8080/a@b",
		"ssh://git@example.org:22/x", "app --password-stdin --token-file /t", "docker run -p 8080:80 nginx", "nginx -p /etc",
		"-----BEGIN " + "CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "basic setup of things",
		"SSH_AUTH_SOCK=/tmp/x", "COMPASS=north", "BYPASS=1", "monkey=banana", "SSL_PUBLIC_KEY=abcdefghijk", "PASSWORD=[secret]",
		"auth=basic", "TOKEN=xxxxxxxx", "API_KEY=<your key>", "docker build --secret id=npm,src=x .", "bearer certificates only",
		"mysql -p", "docker run -p 80:80 --password-file x",
	} {
		if got := kinds(t, in); got != nil {
			t.Errorf("%q: found %v, want nothing", in, got)
		}
	}
}

func TestEnv(t *testing.T) {
	names, found := New([]byte("k")).Env([]string{
		"PATH=/bin", "DB_PASSWORD=a b;c", "DATABASE_URL=postgres://u:pw@h/d", "EMPTY", "GH=ghp_" + body20, "API_TOKEN=ghp_" + body20,
		"POSTGRES_PASSWORD=changeme", "DJANGO_SECRET_KEY=abc def", "dbPassword=x1",
	})
	if want := []string{"PATH", "DB_PASSWORD", "DATABASE_URL", "EMPTY", "GH", "API_TOKEN", "POSTGRES_PASSWORD", "DJANGO_SECRET_KEY", "dbPassword"}; !slices.Equal(names, want) {
		t.Errorf("names %v", names)
	}
	var got []string
	for _, f := range found {
		got = append(got, f.Place+" "+f.Kind)
	}
	want := []string{
		"env:DB_PASSWORD password", "env:DATABASE_URL url-credentials", "env:GH github-token", "env:API_TOKEN github-token",
		"env:POSTGRES_PASSWORD password", "env:DJANGO_SECRET_KEY secret-key", "env:dbPassword password",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%v\nwant\n%v", got, want)
	}
	if found[2].Digest != found[3].Digest || found[0].Digest == found[1].Digest {
		t.Error("digests do not tell equal secrets from others")
	}
	_, other := New([]byte("k2")).Env([]string{"GH=ghp_" + body20})
	if other[0].Digest == found[2].Digest {
		t.Error("the digest does not depend on the key")
	}
}

func TestArgs(t *testing.T) {
	red, found := New(nil).Args("arg", []string{
		"/usr/bin/mysql", "-psecret1", "--token", "se cret2", "--password=se;c ret3", "sh -c 'PASSWORD=secret4 x'", "--port", "80",
	})
	want := []string{"/usr/bin/mysql", "-p[secret]", "--token", "[secret]", "--password=[secret]", "sh -c 'PASSWORD=[secret] x'", "--port", "80"}
	if !slices.Equal(red, want) {
		t.Errorf("got %q", red)
	}
	var places []string
	for _, f := range found {
		places = append(places, f.Place)
	}
	if !slices.Equal(places, []string{"arg:1", "arg:3", "arg:4", "arg:5"}) {
		t.Errorf("places %v", places)
	}
	if red, found := New(nil).Args("arg", nil); red != nil || found != nil {
		t.Error("nil arguments give something")
	}
}

func TestMap(t *testing.T) {
	in := map[string]string{"com.example.token": "abcdef1", "a": "b", "url": "https://u:pw@h/"}
	red, found := New(nil).Map("label", in)
	if red["com.example.token"] != Redacted || red["a"] != "b" || red["url"] != "https://u:[secret]@h/" {
		t.Errorf("got %v", red)
	}
	if len(found) != 2 || found[0].Place != "label:com.example.token" || found[1].Place != "label:url" {
		t.Errorf("found %+v", found)
	}
	if in["com.example.token"] != "abcdef1" {
		t.Error("the caller's map was changed")
	}
}

func BenchmarkEnv(b *testing.B) {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DB_PASSWORD=hunter2", "LANG=C.UTF-8",
		"JAVA_HOME=/opt/java/openjdk", "SPRING_PROFILES_ACTIVE=production", "HOSTNAME=web-1", "KUBERNETES_SERVICE_HOST=10.0.0.1",
	}
	d := New([]byte("k"))
	for b.Loop() {
		d.Env(env)
	}
}
