package listen

import (
	"errors"
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// Activated are listeners that a service manager opened and keeps open while the guard is restarted, so that nobody is refused meanwhile; or
// those of the guard before this one.
type Activated struct {
	unix, tcp net.Listener
	at        string       // where the socket is that a guard made before
	clear     func() error // takes it away; nil where it is the service manager's
}

// path is where the socket is.
func (a Activated) path() string {
	if a.at != "" {
		return a.at
	}
	return a.unix.Addr().String()
}

// Inherited takes the listeners that the service manager gave to this process (LISTEN_FDS, sd_listen_fds(3)): at most one Unix socket and
// one TCP port. It is called once, and there are none where there is no service manager.
func Inherited() (a Activated, err error) {
	all, err := activation.Listeners()
	if err != nil {
		return a, fmt.Errorf("sockets of the service manager (LISTEN_FDS): %w", err)
	}
	for i, l := range all {
		switch {
		case l == nil:
			err = errors.Join(err, fmt.Errorf("the service manager's socket %d is none that connections come to", i))
		case l.Addr().Network() == "unix" && a.unix == nil:
			a.unix = l
		case l.Addr().Network() == "tcp" && a.tcp == nil:
			a.tcp = l
		default:
			err = errors.Join(err, fmt.Errorf("the service manager's socket %s is one too many: the guard takes one Unix socket and one TCP port", l.Addr()), l.Close())
		}
	}
	return a, err
}
