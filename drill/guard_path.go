package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// pathDrills write the way to a call, or the protocol that it is made in, differently.
func pathDrills() []Drill {
	const hide = "T1036"
	path := func(id, title string, targets ...string) Drill {
		return guardDrill("path-"+id, hide, "A privileged container is made by a path "+title, smuggles(byPaths(targets...)))
	}
	return []Drill{
		path("encoded", "with letters that are percent-encoded", "/%63ontainers/cr%65ate"),
		path("encoded-slash", "whose slash is percent-encoded", "/containers%2Fcreate"),
		path("double-slash", "with slashes that are there twice", "//containers//create"),
		path("dot-segments", "with dots", "/containers/none/../create"),
		path("encoded-dots", "with percent-encoded dots", "/images/%2e%2e/containers/none/%2E%2E/create"),
		path("odd-version", "with a version that is written in another way", "/v1.041/containers/create", "/v01.41/containers/create", "/v1.41.0/containers/create", "/v1.41./containers/create"),
		guardDrill("path-oldest-version", hide, "A privileged container is made by the oldest version of the API that the engine knows", smuggles(func(ctx context.Context, w *EngineWorld) error {
			v, err := w.root.ServerVersion(ctx, client.ServerVersionOptions{})
			if err != nil {
				return err
			}
			return byPaths("/v"+v.MinAPIVersion+"/containers/create")(ctx, w)
		})),
		guardDrill("absolute-target", hide, "The target of a request is a whole address", smuggles(func(ctx context.Context, w *EngineWorld) error {
			r := rawRequest("http://elsewhere/containers/create?name="+w.name+"-m", "", text(`,"HostConfig":{"Privileged":true}`)(w))
			_, err := w.mallory.raw(ctx, r, 1)
			return err
		})),
		guardDrill("form-over-query", hide, "A form in the body says something else than the address, and counts more", formOverQuery),
		guardDrill("query-repeated", hide, "A parameter is there twice, and the first counts", queryRepeated),
		guardDrill("query-encoded", hide, "A parameter's name is percent-encoded", queryEncoded),
		guardDrill("http2", hide, "A privileged container is made over HTTP/2", smuggles(overHTTP2)),
		guardDrill("build-service", "T1610", "The builder's own service is used past the engine's calls", buildService),
		guardDrill("build-session", "T1610", "A session of the builder is opened", buildSession),
		guardDrill("debug-pages", "T1003", "The engine's memory is read from its pages for developers", func(ctx context.Context, w *EngineWorld) (bool, error) {
			a, err := w.mallory.send(ctx, http.MethodGet, "/debug/pprof/cmdline", nil)
			return err == nil && a.ok() && strings.Contains(string(a.body), w.engine.Dir), err
		}),
	}
}

// byPaths posts a privileged container to each of these paths, as somebody does who follows where the engine leads.
func byPaths(targets ...string) func(ctx context.Context, w *EngineWorld) error {
	return func(ctx context.Context, w *EngineWorld) error {
		body := text(`,"HostConfig":{"Privileged":true}`)(w)
		for i, t := range targets {
			for range 3 {
				answers, err := w.mallory.raw(ctx, rawRequest(fmt.Sprintf("%s?name=%s-%d", t, w.name, i), "Connection: close\r\n", body), 1)
				if err != nil {
					return err
				}
				if len(answers) == 0 || answers[0].status/100 != 3 {
					break
				}
				to, err := url.Parse(answers[0].header.Get("Location"))
				if err != nil {
					return fmt.Errorf("where the engine leads: %w", err)
				}
				t = to.EscapedPath()
			}
		}
		return nil
	}
}

// victimsTag is the name of victor's image.
func (w *EngineWorld) victimsTag() (repo, tag string) { return w.name + "-victim/app", "1" }

// renames says whether victor's name leads to another image after what mallory does with an image of her own.
func renames(do func(ctx context.Context, w *EngineWorld, mine string) error) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		before, err := w.victimsImage(ctx)
		if err != nil {
			return false, err
		}
		mine, err := w.ownImage(ctx)
		if err != nil {
			return false, err
		}
		if err := do(ctx, w, mine); err != nil {
			return false, err
		}
		repo, tag := w.victimsTag()
		now, err := w.root.ImageInspect(ctx, repo+":"+tag)
		if err != nil {
			return false, fmt.Errorf("look at victor's image: %w", err)
		}
		return now.ID != before, nil
	}
}

func formOverQuery(ctx context.Context, w *EngineWorld) (bool, error) {
	return renames(func(ctx context.Context, w *EngineWorld, mine string) error {
		repo, tag := w.victimsTag()
		form := url.Values{"repo": {repo}, "tag": {tag}}.Encode()
		a, err := w.mallory.sendAs(ctx, http.MethodPost, "/images/"+mine+"/tag?repo="+w.name+"/mine&tag=2", "application/x-www-form-urlencoded", form)
		return errOr(err, w.fairIf(a))
	})(ctx, w)
}

func queryRepeated(ctx context.Context, w *EngineWorld) (bool, error) {
	return renames(func(ctx context.Context, w *EngineWorld, mine string) error {
		repo, tag := w.victimsTag()
		a, err := w.mallory.send(ctx, http.MethodPost, "/images/"+mine+"/tag?repo="+repo+"&repo="+w.name+"/mine&tag="+tag, nil)
		return errOr(err, w.fairIf(a))
	})(ctx, w)
}

func queryEncoded(ctx context.Context, w *EngineWorld) (bool, error) {
	return renames(func(ctx context.Context, w *EngineWorld, mine string) error {
		repo, tag := w.victimsTag()
		a, err := w.mallory.send(ctx, http.MethodPost, "/images/"+mine+"/tag?%72epo="+repo+"&t%61g="+tag, nil)
		return errOr(err, w.fairIf(a))
	})(ctx, w)
}

// overHTTP2 speaks HTTP/2 from the beginning; an engine that does not know it is asked to change to it.
func overHTTP2(ctx context.Context, w *EngineWorld) error {
	body := text(`,"HostConfig":{"Privileged":true}`)(w)
	target := "/containers/create?name=" + w.name + "-m"
	t := http2(func(ctx context.Context) (net.Conn, error) { return w.mallory.dial(ctx) })
	defer t.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker"+target, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if res, err := t.RoundTrip(r); err == nil {
		return res.Body.Close()
	}
	_, err = w.mallory.raw(ctx, rawRequest(target, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", body), 1)
	return err
}

// http2 speaks HTTP/2 from the first byte, on connections that dial makes.
func http2(dial func(ctx context.Context) (net.Conn, error)) *http.Transport {
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }, Protocols: &http.Protocols{}}
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

// over speaks HTTP/2 on a connection that is there.
func over(conn net.Conn) *http.Transport {
	return http2(func(context.Context) (net.Conn, error) { return conn, nil })
}

// buildService asks the builder which workers it has: who gets an answer can have it build anything.
func buildService(ctx context.Context, w *EngineWorld) (bool, error) {
	conn, err := w.mallory.dial(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"); err != nil {
		return false, err
	}
	head, err := http.ReadResponse(newByteReader(conn), nil) //nolint:bodyclose // it ends with the connection
	if err != nil || head.StatusCode != http.StatusSwitchingProtocols {
		return false, nil // a door that hangs up has refused
	}
	said, err := grpcCall(ctx, over(conn), "/moby.buildkit.v1.Control/ListWorkers", nil)
	return err == nil && len(said) > 5, nil
}

// grpcCall makes a call with an empty message, and gives what is answered.
func grpcCall(ctx context.Context, c *http.Transport, method string, header http.Header) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker"+method, strings.NewReader("\x00\x00\x00\x00\x00"))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	defer c.CloseIdleConnections()
	res, err := c.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(io.LimitReader(res.Body, most))
	if status := res.Trailer.Get("Grpc-Status"); err == nil && status != "0" {
		err = fmt.Errorf("%s: status %q", method, status)
	}
	return said, err
}

// buildSession opens a session, and waits for the engine to speak HTTP/2 there: it asks for files and secrets then.
func buildSession(ctx context.Context, w *EngineWorld) (bool, error) {
	conn, err := w.mallory.upgraded(ctx, "/session", "X-Docker-Expose-Session-Uuid: drill\r\nX-Docker-Expose-Session-Name: drill\r\n"+
		"X-Docker-Expose-Session-Sharedkey: drill\r\n")
	if errors.Is(err, errNoUpgrade) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return false, err
	}
	preface := make([]byte, len("PRI * HTTP/2.0"))
	_, err = io.ReadFull(conn, preface)
	return err == nil && string(preface) == "PRI * HTTP/2.0", nil
}
