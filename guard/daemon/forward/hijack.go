package forward

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Tap sees what goes over a terminal or pipe before it goes on; an error ends the session. Either may be nil.
type Tap struct {
	In, Out io.Writer
}

// Session sends a call after which both sides go on talking on the connection, and carries that until one of them or ctx ends. Where the
// engine answers otherwise, the caller gets that answer.
func (e *Engine) Session(ctx context.Context, w http.ResponseWriter, c *Call, upgrade string, tap Tap) error {
	there, err := e.dial(ctx, "", "")
	if err != nil {
		return fmt.Errorf("the engine at %s: %w", e.socket, err)
	}
	defer there.Close()
	stop := context.AfterFunc(ctx, func() { _ = there.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	res, from, err := e.switching(ctx, there, c, upgrade)
	if err != nil {
		return err
	}
	if !isSession(res) {
		return begun(Answer(w, res))
	}
	here, in, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take over the caller's connection: %w", err)
	}
	defer here.Close()
	return begun(carry(ctx, here, in.Reader, there, from, res, tap))
}

// ErrBegun is an error after the caller was answered, at least in part: there is no place for another answer.
var ErrBegun = errors.New("it broke off")

func begun(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrBegun, err)
}

// carry gives the caller, whose connection was taken over, the engine's answer and what both have to say then.
func carry(ctx context.Context, here net.Conn, in *bufio.Reader, there net.Conn, from *bufio.Reader, res *http.Response, tap Tap) error {
	stopHere := context.AfterFunc(ctx, func() { _ = here.SetDeadline(time.Unix(1, 0)) })
	defer stopHere()
	if err := here.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("the caller's connection: %w", err)
	}
	if err := begin(here, res); err != nil {
		return err
	}
	sent, err := early(in)
	if err != nil {
		return err
	}
	err = both(pipe{io.MultiReader(bytes.NewReader(sent), here), there, tap.In}, pipe{from, here, tap.Out})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// early is what the caller sent before the connection was taken over. The server's reader is not read any further: it takes the end of
// what the caller sends for the end of the request, and would end the session.
func early(r *bufio.Reader) ([]byte, error) {
	sent, err := r.Peek(r.Buffered())
	if err != nil {
		return nil, fmt.Errorf("the caller's connection: %w", err)
	}
	return bytes.Clone(sent), nil
}

// isSession says whether the engine goes on talking on the connection: it does with 101, and with 200 for callers that did not ask for it.
func isSession(res *http.Response) bool {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return true
	}
	switch res.Header.Get("Content-Type") {
	case "application/vnd.docker.raw-stream", "application/vnd.docker.multiplexed-stream":
		return res.StatusCode == http.StatusOK && res.ContentLength < 0 && len(res.TransferEncoding) == 0
	}
	return false
}

// begin writes the head of the engine's answer.
func begin(w io.Writer, res *http.Response) error {
	if _, err := fmt.Fprintf(w, "HTTP/1.1 %s\r\n", res.Status); err != nil {
		return fmt.Errorf("answer the caller: %w", err)
	}
	if err := res.Header.Write(w); err != nil {
		return fmt.Errorf("answer the caller: %w", err)
	}
	if _, err := io.WriteString(w, "\r\n"); err != nil {
		return fmt.Errorf("answer the caller: %w", err)
	}
	return nil
}

// pipe is one direction.
type pipe struct {
	from io.Reader
	to   net.Conn
	tap  io.Writer
}

// both carries two directions. What the caller sends may end before what the engine does; when the engine's ends, all ends.
func both(in, out pipe) error {
	var wait sync.WaitGroup
	var inErr error
	over := make(chan struct{})
	wait.Go(func() {
		inErr = in.carry()
		endOf(in.to)
		if hungUp(out.to, over) {
			_ = in.to.Close() // nobody is there any more to whom the engine could say something
		}
	})
	outErr := out.carry()
	close(over)
	endOf(out.to)
	_ = in.to.Close() // the engine's connection
	_ = out.to.SetReadDeadline(time.Unix(1, 0))
	wait.Wait()
	if errors.Is(inErr, os.ErrDeadlineExceeded) || errors.Is(inErr, net.ErrClosed) {
		inErr = nil // it was ended by the other direction
	}
	return errors.Join(outErr, inErr)
}

// lookEvery is how often it is looked whether a caller who said that nothing more comes is still there.
const lookEvery = time.Second

// hungUp waits until the other end is gone for both directions, or it is over. That somebody does not write any more looks the same to a
// reader, and a container that is silent gives nothing to write that would fail.
func hungUp(c net.Conn, over <-chan struct{}) bool {
	under, ok := c.(syscall.Conn)
	for !ok {
		n, is := c.(interface{ NetConn() net.Conn })
		if !is {
			break
		}
		c = n.NetConn()
		under, ok = c.(syscall.Conn)
	}
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for {
		select {
		case <-over:
			return false
		case <-every.C:
			if ok && gone(under) {
				return true
			}
		}
	}
}

// gone says whether the kernel knows that nobody is at the other end.
func gone(c syscall.Conn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true // it is closed
	}
	hung := false
	err = raw.Control(func(fd uintptr) {
		look := []unix.PollFd{{Fd: int32(fd)}}
		n, perr := unix.Poll(look, 0)
		hung = perr == nil && n > 0 && look[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
	})
	return hung || err != nil
}

func (p pipe) carry() error {
	from := p.from
	if p.tap != nil {
		from = io.TeeReader(from, p.tap)
	}
	if _, err := io.Copy(p.to, from); err != nil {
		return fmt.Errorf("carry a session: %w", err)
	}
	return nil
}

// endOf tells the other side that nothing more comes.
func endOf(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the other side may be gone, which is no loss
	}
}
