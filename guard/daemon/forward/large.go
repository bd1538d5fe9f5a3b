package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sendLarge sends a call on a line of its own that the engine closes at the answer's end: the answer may go on to the caller as the engine writes
// it, framing and all.
func (e *Engine) sendLarge(ctx context.Context, r *http.Request) (*http.Response, error) {
	conn, err := e.dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	r.Close = true
	res, err := newLine(conn, mostCopied).send(ctx, r, e.lines.put)
	if err != nil {
		return nil, err
	}
	if a, ok := res.Body.(*answer); ok {
		a.alone = true
	}
	return res, nil
}

// raw says whether an answer can go on as it comes: the caller gets its end from the framing.
func (a *answer) raw(res *http.Response) bool {
	return a.alone && res.StatusCode == http.StatusOK && res.ProtoMajor == 1 && slices.Equal(res.TransferEncoding, []string{"chunked"})
}

// carry gives the caller, whose connection is taken over, the engine's answer. Where the engine's end is gone in the middle, the last chunk is
// missing, and the caller sees it.
func (a *answer) carry(ctx context.Context, w http.ResponseWriter, res *http.Response) error {
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take over the caller's connection: %w", err)
	}
	defer here.Close()
	stop := context.AfterFunc(ctx, func() { _ = here.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := here.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("the caller's connection: %w", err)
	}
	for name := range res.Header {
		if hop(name) {
			res.Header.Del(name)
		}
	}
	res.Header.Set("Connection", "close")
	res.Header.Set("Transfer-Encoding", "chunked")
	if err := begin(here, res); err != nil {
		return err
	}
	held, err := a.line.from.Peek(a.line.from.Buffered())
	if err != nil {
		return fmt.Errorf("read the engine's answer: %w", err)
	}
	if _, err := here.Write(held); err != nil {
		return fmt.Errorf("answer the caller: %w", err)
	}
	if err := move(here, a.line.conn); err != nil {
		return fmt.Errorf("carry the engine's answer: %w", err)
	}
	return nil
}

// mostCopied is how much is held of a stream at a time.
const mostCopied = 128 << 10

// roomOnWay is what may be on the way to the engine of an upload. The kernel's default has the two stop for each other: an image of a gigabyte takes a
// sixth longer then.
const roomOnWay = 1 << 20

// dialRoomy makes a connection for an upload.
func (e *Engine) dialRoomy(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := e.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	under, ok := conn.(syscall.Conn)
	if !ok {
		return conn, nil
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	// With less room it is slower, and nothing else: past the machine's bound only root may have more.
	err = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, roomOnWay) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, roomOnWay)
		}
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// upload is a body that goes on in larger pieces than it comes in: callers send it in chunks of 32 KiB, and each costs the engine a turn.
type upload struct{ io.Reader }

// WriteTo implements io.WriterTo.
func (u upload) WriteTo(w io.Writer) (sent int64, err error) {
	buffer := make([]byte, mostCopied)
	for {
		held := 0
		for held < len(buffer) && err == nil {
			var n int
			n, err = u.Read(buffer[held:])
			held += n
			if n < leastJoined {
				break // somebody writes it just now: it goes on at once
			}
		}
		if held > 0 {
			n, werr := w.Write(buffer[:held])
			sent += int64(n)
			if werr != nil {
				return sent, werr
			}
		}
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}

// leastJoined is the size of pieces of which more are waited for.
const leastJoined = 16 << 10

// move takes everything from one connection to another, in the kernel where it can.
func move(to, from net.Conn) error {
	in, ok := from.(syscall.Conn)
	out, ok2 := to.(syscall.Conn) // not of TLS
	if ok && ok2 {
		if began, err := splice(out, in); began || err == nil {
			return err
		}
	}
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, mostCopied))
	return err
}

// splice moves by way of a pipe, which holds pages and no copies of them. Where it has not begun, an error means that it can't be done so.
func splice(to, from syscall.Conn) (began bool, err error) {
	in, err := from.SyscallConn()
	if err != nil {
		return false, err
	}
	out, err := to.SyscallConn()
	if err != nil {
		return false, err
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return false, err
	}
	defer func() { _, _ = unix.Close(pipe[0]), unix.Close(pipe[1]) }()
	_, _ = unix.FcntlInt(uintptr(pipe[1]), unix.F_SETPIPE_SZ, mostPipe) // a smaller one does as well
	for {
		n, err := spliced(in.Read, func(fd int) (int64, error) { return unix.Splice(fd, nil, pipe[1], nil, mostPipe, spliceFlags) })
		if err != nil || n == 0 {
			return began, err
		}
		began = true
		for n > 0 {
			sent, err := spliced(out.Write, func(fd int) (int64, error) { return unix.Splice(pipe[0], nil, fd, nil, int(n), spliceFlags) })
			if err != nil {
				return began, err
			}
			if sent == 0 {
				return began, io.ErrShortWrite
			}
			n -= sent
		}
	}
}

const (
	mostPipe    = 1 << 20
	spliceFlags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK
)

// spliced does it when the connection is ready for it.
func spliced(ready func(func(fd uintptr) bool) error, do func(fd int) (int64, error)) (n int64, err error) {
	rerr := ready(func(fd uintptr) bool {
		for {
			n, err = do(int(fd))
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	})
	if rerr != nil {
		return 0, rerr
	}
	return n, err
}
