package drill

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// logsElsewhere has a socket of the host's that only root can reach, and looks whether the engine talks to it.
func logsElsewhere(ctx context.Context, w *EngineWorld) (bool, error) {
	path := filepath.Join(w.dir, "log.sock")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return false, err
	}
	defer func() { _ = l.Close() }() // nothing was written to it
	id, err := w.make(ctx, with(of("/bin/echo", w.secret), "LogConfig", fields{"Type": "syslog", "Config": fields{"syslog-address": "unixgram://" + path}}))
	if err != nil || id == "" {
		return false, err
	}
	if a, err := w.mallory.send(ctx, http.MethodPost, "/containers/"+id+"/start", nil); err != nil || !a.ok() {
		return false, errOr(err, w.fair(a))
	}
	if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return false, err
	}
	n, err := l.Read(make([]byte, 4096))
	return err == nil && n > 0, nil
}
