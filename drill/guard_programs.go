package drill

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

func execs(name func(w *EngineWorld, id string) string) attack {
	return onVictim(func(ctx context.Context, w *EngineWorld, id string) (bool, error) {
		a, err := w.mallory.send(ctx, http.MethodPost, "/containers/"+name(w, id)+"/exec", fields{"Cmd": []string{"/bin/cat", "/secret"}, "AttachStdout": true})
		if err != nil || !a.ok() {
			return false, errOr(err, w.fairIf(a))
		}
		a, err = w.mallory.send(ctx, http.MethodPost, "/exec/"+a.id()+"/start", fields{})
		if err != nil {
			return false, err
		}
		return bytes.Contains(a.body, []byte(w.secret)), w.fair(a)
	})
}

func startsExec(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.must(ctx, w.victor, "/containers/"+id+"/exec", fields{"Cmd": []string{"/bin/cat", "/secret"}, "AttachStdout": true})
	if err != nil {
		return false, err
	}
	a, err = w.mallory.send(ctx, http.MethodPost, "/exec/"+a.id()+"/start", fields{})
	if err != nil {
		return false, err
	}
	return bytes.Contains(a.body, []byte(w.secret)), w.fair(a)
}

// attaches types into a shell of victor's, and looks whether it did what it was told.
func attaches(how func(id string) string) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		shell := of("/bin/sh")
		shell["OpenStdin"], shell["AttachStdin"] = true, true
		id, err := w.madeBy(ctx, w.victor, "victim", shell)
		if err != nil {
			return false, err
		}
		conn, err := w.mallory.User.Dial(ctx, w.door)
		if err != nil {
			return false, err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return false, err
		}
		if _, err := io.WriteString(conn, how(id)); err != nil {
			return false, fmt.Errorf("attach: %w", err)
		}
		head, err := http.ReadResponse(newByteReader(conn), nil) //nolint:bodyclose // it ends with the connection
		if err != nil || head.StatusCode >= http.StatusBadRequest {
			return false, nil // a door that hangs up has refused
		}
		line := "echo planted > /planted\n"
		if strings.Contains(how(id), "/ws?") {
			line = frame(line)
		}
		if _, err := io.WriteString(conn, line); err != nil {
			return false, nil // it hung up
		}
		text, err := w.eventually(ctx, id, "/planted")
		return strings.Contains(text, "planted"), err
	}
}

func attachHijack(id string) string {
	return "POST /containers/" + id + "/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
}

func attachSocket(id string) string {
	return "GET /containers/" + id + "/attach/ws?stream=1&stdin=1 HTTP/1.1\r\nHost: docker\r\nOrigin: http://docker\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZHJpbGxkcmlsbGRyaWxsIQ==\r\n\r\n"
}

// frame is a short text as a client's web socket sends it (RFC 6455 5.2), under a mask of zeros.
func frame(text string) string {
	return string([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}
