// Package handover has one guard go on where another one stops, while terminals and streams that the earlier one carries go on. The two
// talk over a Unix socket that only their own user reaches: the earlier one hands its listening sockets over, closes what one process at
// a time can have open, and from then on sends its records through the later one, which tells it what changes.
//
// It decides nothing and reads no call: what is handed over, and what is done with it, is told by whoever uses it.
package handover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// protocol is what both must speak. One that does not is stopped first, as before there was a handover.
const protocol = 1

// Bounds of a handover.
const (
	mostGreeting = 16 << 10
	mostSockets  = 4
	mostBefore   = 64
	greetingTime = 5 * time.Second
	// takeTime is how long a successor may take until it asks for the rest, standTime until it stands when it has it.
	takeTime  = time.Minute
	standTime = time.Minute
	// acceptPause is how long nobody is taken after a connection that could not be.
	acceptPause = 200 * time.Millisecond
	// leaveTime is how long a successor that does not stand may take to end by itself.
	leaveTime = 5 * time.Second
	// answerTime is how long one side waits for the other, when nothing has to be done that takes longer.
	answerTime = 15 * time.Second
)

// Socket is a listening socket on its way from one process to the other.
type Socket struct {
	Network, Address string // "unix" or "tcp"
	// Made says that the guard made it, and not a service manager: whoever has it last takes it away.
	Made bool
	File *os.File `json:"-"`
}

// greeting is what the earlier guard says first. The files of the sockets come with it, after the one for records.
type greeting struct {
	Protocol int      `json:"protocol"`
	PID      int      `json:"pid"`
	Version  string   `json:"version"`
	Config   string   `json:"config,omitempty"`
	Before   []int    `json:"before,omitempty"`
	Sockets  []Socket `json:"sockets"`
}

// greet sends a greeting with its files.
func greet(c *net.UnixConn, g greeting, records *os.File) error {
	text, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("greet the successor: %w", err)
	}
	files := []*os.File{records}
	for _, s := range g.Sockets {
		files = append(files, s.File)
	}
	// Not by Fd, which would make the listener block.
	var fds []int
	err = with(files, func(list []int) error {
		fds = list
		_, _, err := c.WriteMsgUnix(append(text, '\n'), unix.UnixRights(fds...), nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("greet the successor: %w", err)
	}
	return nil
}

// with calls f with the numbers of files, all of which stay open meanwhile.
func with(files []*os.File, f func([]int) error) error {
	fds := make([]int, 0, len(files))
	var next func(i int) error
	next = func(i int) error {
		if i == len(files) {
			return f(fds)
		}
		raw, err := files[i].SyscallConn()
		if err != nil {
			return err
		}
		var inner error
		err = raw.Control(func(fd uintptr) {
			fds = append(fds, int(fd))
			inner = next(i + 1)
		})
		return errors.Join(err, inner)
	}
	return next(0)
}

// greeted reads a greeting with its files.
func greeted(c *net.UnixConn) (g greeting, records *os.File, err error) {
	text, files, err := receive(c)
	defer func() {
		if err != nil {
			for _, f := range files {
				_ = f.Close()
			}
		}
	}()
	if err != nil {
		return g, nil, err
	}
	if err := json.Unmarshal(text, &g); err != nil {
		return g, nil, fmt.Errorf("what the guard that runs says is not understood: %w", err)
	}
	if g.Protocol != protocol {
		return g, nil, fmt.Errorf("the guard that runs (process %d, version %.40q) hands over in another way than this one (%d, not %d): stop it first", g.PID, g.Version, g.Protocol, protocol)
	}
	if len(files) != len(g.Sockets)+1 {
		return g, nil, fmt.Errorf("the guard that runs handed over %d files in place of %d", len(files), len(g.Sockets)+1)
	}
	if len(g.Before) > mostBefore {
		return g, nil, fmt.Errorf("the guard that runs took over from %d others that still run, which is too many: stop it first", len(g.Before))
	}
	for i := range g.Sockets {
		g.Sockets[i].File = files[i+1]
	}
	return g, files[0], nil
}

func receive(c *net.UnixConn) (text []byte, files []*os.File, err error) {
	b, oob := make([]byte, mostGreeting), make([]byte, unix.CmsgSpace(4*(mostSockets+1)))
	for !bytes.HasSuffix(text, []byte("\n")) {
		n, oobn, flags, _, err := c.ReadMsgUnix(b[len(text):], oob)
		if err != nil {
			return nil, files, fmt.Errorf("the guard that runs says nothing: %w", err)
		}
		got, err := rights(oob[:oobn])
		files = append(files, got...)
		switch {
		case err != nil:
			return nil, files, err
		case flags&unix.MSG_CTRUNC != 0:
			return nil, files, errors.New("the guard that runs handed over more files than it may")
		case n == 0:
			return nil, files, errors.New("the guard that runs ended the handover: it is handing over to another already, or stops")
		}
		if text = b[:len(text)+n]; len(text) == len(b) {
			return nil, files, errors.New("what the guard that runs says is longer than it may be")
		}
	}
	return text, files, nil
}

func rights(oob []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("files that were handed over: %w", err)
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return files, fmt.Errorf("files that were handed over: %w", err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return files, nil
}

// own makes sure that the other end is a process of the same user, and says which.
func own(c *net.UnixConn) (pid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var inner error
	if err := raw.Control(func(fd uintptr) { cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, err
	}
	if inner != nil {
		return 0, inner
	}
	if int(cred.Uid) != os.Geteuid() {
		return 0, fmt.Errorf("process %d of the user %d asks for a handover; only the guard's own user may", cred.Pid, cred.Uid)
	}
	return int(cred.Pid), nil
}

// Nothing is what calls have that say no more than their name.
type Nothing struct{}

// Record is one on its way to the log.
type Record struct {
	Entry []byte
	Later bool
}

// News is what the later guard tells the earlier one.
type News struct {
	Kind     string
	Document []byte
}
