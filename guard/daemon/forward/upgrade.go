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
	"time"
)

// Refused is the engine's answer to a call after which it should have gone on in another protocol.
type Refused struct {
	Status  int
	Message string
}

// Error implements error.
func (r *Refused) Error() string {
	return fmt.Sprintf("the engine does not go on in the protocol: %d: %.300s", r.Status, r.Message)
}

// Upgrade sends a call after which both sides speak another protocol, and gives the connection on which they do. Ending ctx ends it.
func (e *Engine) Upgrade(ctx context.Context, c *Call, protocol string) (net.Conn, error) {
	there, err := e.dial(ctx, "", "")
	if err != nil {
		return nil, fmt.Errorf("the engine at %s: %w", e.socket, err)
	}
	conn, err := e.upgrade(ctx, there, c, protocol)
	if err != nil {
		return nil, errors.Join(err, there.Close())
	}
	return conn, nil
}

// switching sends a call after which the connection may be for another protocol, and gives the answer with what is read from then on. With an
// empty protocol the call names none: the engine knows such calls.
func (e *Engine) switching(ctx context.Context, there net.Conn, c *Call, protocol string) (*http.Response, *bufio.Reader, error) {
	r, err := e.request(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	r.Header = r.Header.Clone()
	if protocol != "" {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", protocol)
	}
	if err := r.Write(there); err != nil {
		return nil, nil, fmt.Errorf("the engine at %s: %w", e.socket, err)
	}
	from := bufio.NewReader(there)
	res, err := http.ReadResponse(from, r)
	if err != nil {
		return nil, nil, fmt.Errorf("the engine's answer: %w", err)
	}
	return res, from, nil
}

func (e *Engine) upgrade(ctx context.Context, there net.Conn, c *Call, protocol string) (net.Conn, error) {
	if err := there.SetDeadline(time.Now().Add(connectTime)); err != nil {
		return nil, fmt.Errorf("the engine at %s: %w", e.socket, err)
	}
	res, from, err := e.switching(ctx, there, c, protocol)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() // of 101 it is empty
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Upgrade") != protocol {
		text, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		return nil, errors.Join(&Refused{Status: res.StatusCode, Message: string(text)}, err)
	}
	return begunWith(there, from)
}

// TakeOver answers a call of the caller's with the change to another protocol, and gives the connection.
func TakeOver(w http.ResponseWriter, protocol string) (net.Conn, error) {
	here, in, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("take over the caller's connection: %w", err)
	}
	if err := here.SetDeadline(time.Now().Add(connectTime)); err != nil {
		return nil, errors.Join(fmt.Errorf("the caller's connection: %w", err), here.Close())
	}
	if _, err := io.WriteString(here, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: "+protocol+"\r\n\r\n"); err != nil {
		return nil, errors.Join(fmt.Errorf("answer the caller: %w", err), here.Close())
	}
	conn, err := begunWith(here, in.Reader)
	if err != nil {
		return nil, errors.Join(err, here.Close())
	}
	return conn, nil
}

// begunWith is a connection of which some was read already.
func begunWith(c net.Conn, r *bufio.Reader) (net.Conn, error) {
	if err := c.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("a connection: %w", err)
	}
	sent, err := early(r)
	if err != nil {
		return nil, err
	}
	if len(sent) == 0 {
		return c, nil
	}
	return &read{Conn: c, from: io.MultiReader(bytes.NewReader(sent), c)}, nil
}

type read struct {
	net.Conn
	from io.Reader
}

// Read implements net.Conn.
func (r *read) Read(p []byte) (int, error) { return r.from.Read(p) }

// CloseWrite tells the other side that nothing more comes.
func (r *read) CloseWrite() error {
	if half, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Pipe carries what two have to say to each other until one of them or ctx ends, and closes both.
func Pipe(ctx context.Context, here, there net.Conn) error {
	defer here.Close()
	defer there.Close()
	stop := context.AfterFunc(ctx, func() {
		_ = here.SetDeadline(time.Unix(1, 0))
		_ = there.SetDeadline(time.Unix(1, 0))
	})
	defer stop()
	err := both(pipe{here, there, nil}, pipe{there, here, nil})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
