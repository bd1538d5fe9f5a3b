package drill

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/moby/moby/client"
)

// bodyDrills hide a privileged container in a request that two readers may read in two ways.
func bodyDrills() []Drill {
	const hide = "T1036"
	const privileged = `,"HostConfig":{"Privileged":true}`
	json := func(id, title, rest string) Drill {
		return guardDrill("body-"+id, hide, "A privileged container is hidden in a body "+title, smuggles(create("application/json", text(rest))))
	}
	return []Drill{
		json("case", "whose names are in another case", `,"hostconfig":{"PRIVILEGED":true}`),
		json("case-unicode", "whose names have letters that only count as the same when case is ignored", `,"Ho`+"\u017f"+`tConfig":{"Privileged":true}`),
		json("escaped-name", "whose names are written with escapes", `,"\u0048ostConfig":{"Privi\u006ceged":true}`),
		json("repeated", "in which a field is there twice", `,"HostConfig":{"Privileged":false},"HostConfig":{"Privileged":true}`),
		json("repeated-merged", "in which a field is there twice, and the engine puts both together", `,"HostConfig":{"Privileged":true},"HostConfig":{"Memory":67108864}`),
		json("repeated-inner", "in which a field is there twice, in two cases", `,"HostConfig":{"Privileged":false,"privileged":true}`),
		json("null-then-object", "in which a field is nothing first", `,"HostConfig":null`+privileged),
		json("unknown", "among names that nobody knows", `,"X":{"HostConfig":{"Privileged":false}},"Y":[1]`+privileged),
		guardDrill("body-second-value", hide, "A privileged container is hidden in front of a second body", smuggles(create("application/json", func(w *EngineWorld) string {
			return text(privileged)(w) + "]" + text("")(w)
		}))),
		guardDrill("body-large", hide, "A privileged container is hidden in a body that is larger than what others look at", smuggles(create("application/json", func(w *EngineWorld) string {
			return text(strings.Repeat(" ", 1<<20+1) + privileged)(w)
		}))),
		guardDrill("body-at-limit", hide, "A privileged container is hidden in a body of exactly as many bytes as one may have", smuggles(create("application/json", func(w *EngineWorld) string {
			const limit = 4 << 20 // what the guard takes at most
			return strings.Repeat(" ", limit-len(text(privileged)(w))) + text(privileged)(w)
		}))),
		guardDrill("body-over-limit", hide, "A privileged container is hidden behind more bytes than a body may have", smuggles(create("application/json", func(w *EngineWorld) string {
			return strings.Repeat(" ", 5<<20) + text(privileged)(w)
		}))),
		guardDrill("content-type", hide, "The type of a body is written in another way", smuggles(create(`Application/JSON;charset="utf-8";a=b`, text(privileged)))),
		guardDrill("content-type-twice", hide, "The type of a body is there twice", smuggles(rawCreate("Content-Type: text/plain\r\n", nil))),
		guardDrill("content-encoding", hide, "A body says to be compressed, and is not", smuggles(rawCreate("Content-Encoding: gzip\r\n", nil))),
		guardDrill("chunked", hide, "A body has no length", smuggles(rawCreate("Transfer-Encoding: chunked\r\n", chunked))),
		guardDrill("length-zero-and-chunked", hide, "A body has the length zero, and comes in chunks", smuggles(rawCreate("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", chunked))),
		guardDrill("length-and-chunked", hide, "A body has a length, and comes in chunks that are longer", smuggles(rawCreate("Content-Length: 60\r\nTransfer-Encoding: chunked\r\n", chunked))),
		guardDrill("chunk-extensions", hide, "The chunks of a body have extensions and a trailer", smuggles(rawCreate("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", func(b string) string {
			return fmt.Sprintf("%x;a=b\r\n%s\r\n0;c\r\nX-Sum: 2\r\n\r\n", len(b), b)
		}))),
		guardDrill("bare-newlines", hide, "The lines of a request end in another way", smuggles(func(ctx context.Context, w *EngineWorld) error {
			r := rawRequest("/containers/create?name="+w.name+"-m", "", text(privileged)(w))
			_, err := w.mallory.raw(ctx, strings.ReplaceAll(r, "\r\n", "\n"), 1)
			return err
		})),
		guardDrill("pipelined", hide, "A second request follows in the same bytes as a harmless first", smuggles(func(ctx context.Context, w *EngineWorld) error {
			first := "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
			_, err := w.mallory.raw(ctx, first+rawRequest("/containers/create?name="+w.name+"-m", "", text(privileged)(w)), 2)
			return err
		})),
		guardDrill("expect-continue", hide, "A body is announced and sent without waiting", smuggles(rawCreate("Expect: 100-continue\r\n", nil))),
		guardDrill("http-1-0", hide, "A request speaks HTTP/1.0", smuggles(func(ctx context.Context, w *EngineWorld) error {
			r := rawRequest("/containers/create?name="+w.name+"-m", "", text(privileged)(w))
			_, err := w.mallory.raw(ctx, strings.Replace(r, "HTTP/1.1", "HTTP/1.0", 1), 1)
			return err
		})),
		guardDrill("upgrade-on-create", hide, "A request that goes on in no other protocol asks for one", smuggles(rawCreate("Connection: Upgrade\r\nUpgrade: tcp\r\n", nil))),
	}
}

// text is the body of a container's making, with something more before its end.
func text(rest string) func(w *EngineWorld) string {
	return func(w *EngineWorld) string {
		return fmt.Sprintf(`{"Image":%q,"Cmd":["/bin/sleep","600"]%s}`, w.image(), rest)
	}
}

// smuggles is an attack that succeeds when there is a privileged container afterwards, whatever was answered.
func smuggles(send func(ctx context.Context, w *EngineWorld) error) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		if err := send(ctx, w); err != nil {
			return false, err
		}
		if w.here != nil {
			return false, nil // whatever was made is looked for, and never started
		}
		list, err := w.root.ContainerList(ctx, client.ContainerListOptions{All: true})
		if err != nil {
			return false, fmt.Errorf("look for what the attack made: %w", err)
		}
		for _, c := range list.Items {
			in, err := w.look(ctx, c.ID)
			if err != nil {
				return false, err
			}
			if in.HostConfig.Privileged {
				return w.startAndProve(ctx, c.ID, isPrivileged())
			}
		}
		return false, nil
	}
}

// create sends a body as it is, in a well-formed request.
func create(kind string, body func(w *EngineWorld) string) func(ctx context.Context, w *EngineWorld) error {
	return func(ctx context.Context, w *EngineWorld) error {
		a, err := w.mallory.sendAs(ctx, http.MethodPost, "/containers/create?name="+w.name+"-m", kind, body(w))
		return errOr(err, w.fairIf(a))
	}
}

func (w *EngineWorld) fairIf(a *answer) error {
	if a == nil {
		return nil
	}
	return w.fair(a)
}

// chunked is a body in one chunk.
func chunked(b string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(b), b) }

// rawCreate makes a privileged container by a request with headers of one's own; a body that is written in another way has no length of
// ours.
func rawCreate(headers string, write func(body string) string) func(ctx context.Context, w *EngineWorld) error {
	return func(ctx context.Context, w *EngineWorld) error {
		body := text(`,"HostConfig":{"Privileged":true}`)(w)
		r := rawRequest("/containers/create?name="+w.name+"-m", headers, body)
		if write != nil {
			r = fmt.Sprintf("POST /containers/create?name=%s-m HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n%s\r\n%s", w.name, headers, write(body))
		}
		answers, err := w.mallory.raw(ctx, r, 1+strings.Count(headers, "100-continue"))
		if err == nil && len(answers) > 0 {
			err = w.fair(answers[len(answers)-1])
		}
		return err
	}
}

// rawRequest is a request as bytes.
func rawRequest(target, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", target, len(body), headers, body)
}

// killsEmpty kills victor's container by a request that announces a body of JSON and has none.
func killsEmpty(headers, body string) attack {
	return onVictim(func(ctx context.Context, w *EngineWorld, id string) (bool, error) {
		r := fmt.Sprintf("POST /containers/%s/kill HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n%s\r\n%s", id, headers, body)
		answers, err := w.mallory.raw(ctx, r, 1)
		if err != nil {
			return false, err
		}
		if len(answers) > 0 {
			err = w.fair(answers[0])
		}
		c, lerr := w.look(ctx, id)
		return lerr == nil && stopped(c), errOr(lerr, err)
	})
}
