package drill

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// caller is somebody at a door of the engine.
type caller struct {
	Person
	door string
	dial func(ctx context.Context) (net.Conn, error)
	http *http.Client
	cli  *client.Client
	// said is shown each answer; nil for nobody.
	said func(a *answer)
}

func newCaller(p Person, door string) (*caller, error) {
	c := &caller{Person: p, door: door}
	c.dial = func(ctx context.Context) (net.Conn, error) { return p.User.Dial(ctx, door) }
	return c, c.open()
}

// open makes the clients of somebody who knows how to reach the door.
func (c *caller) open() error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) }
	c.http = &http.Client{
		Transport:     &http.Transport{DialContext: dial, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var err error
	c.cli, err = client.New(client.WithHost("unix://"+c.door), client.WithDialContext(dial))
	return err
}

func (c *caller) close() error {
	c.http.CloseIdleConnections()
	return c.cli.Close()
}

// most is how much of an answer is read.
const most = 8 << 20

// answer is what a door said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) ok() bool { return a.status < http.StatusBadRequest }

// made says whether something was made. A redirect, e.g., makes nothing.
func (a *answer) made() bool { return a.status == http.StatusCreated }

// id is that of what was made.
func (a *answer) id() string {
	var made struct {
		ID string `json:"Id"`
	}
	if json.Unmarshal(a.body, &made) != nil || !a.ok() {
		return ""
	}
	return made.ID
}

func (a *answer) String() string {
	text := strings.TrimSpace(string(a.body))
	return fmt.Sprintf("%d %s", a.status, text[max(0, len(text)-300):]) // streams say at their end what went wrong
}

// send makes a well-formed call. A body that is text is sent as it is, with the type of JSON; any other value is written as JSON.
func (c *caller) send(ctx context.Context, method, target string, body any) (*answer, error) {
	return c.sendAs(ctx, method, target, "application/json", body)
}

func (c *caller) sendAs(ctx context.Context, method, target, kind string, body any) (*answer, error) {
	var from io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		from = strings.NewReader(b)
	case []byte:
		from = bytes.NewReader(b)
	case io.Reader:
		from = b
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("write a body: %w", err)
		}
		from = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://docker"+target, from)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	if from != nil {
		r.Header.Set("Content-Type", kind)
	}
	return c.do(r)
}

func (c *caller) do(r *http.Request) (*answer, error) {
	res, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s as %s: %w", r.Method, r.URL.Path, c.Name, err)
	}
	defer res.Body.Close()
	a, err := read(res)
	c.heard(a)
	return a, err
}

func (c *caller) heard(a *answer) {
	if c.said != nil && a != nil {
		c.said(a)
	}
}

func read(res *http.Response) (*answer, error) {
	a := &answer{status: res.StatusCode, header: res.Header}
	var err error
	if res.StatusCode == http.StatusSwitchingProtocols {
		return a, nil
	}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, most))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // streams end with the connection
	}
	return a, err
}

// patience bounds a raw exchange.
const patience = 15 * time.Second

// raw sends bytes as they are, on a connection of its own, and reads as many answers as are expected. A door that hangs up has answered
// as it thinks right.
func (c *caller) raw(ctx context.Context, text string, expect int) ([]*answer, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("as %s: %w", c.Name, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	go func() { _, _ = io.WriteString(conn, text) }() // a door may answer and hang up before it has read all
	from := bufio.NewReader(conn)
	answers := c.answers(from, expect)
	if c.said != nil && len(answers) == expect { // what was smuggled is answered as well
		if err := conn.SetDeadline(time.Now().Add(stray)); err == nil {
			c.answers(from, mostStray)
		}
	}
	return answers, nil
}

// stray is how long answers are waited for that are one too many, and mostStray how many of them are read.
const (
	stray     = 300 * time.Millisecond
	mostStray = 4
)

// answers reads as many as come, up to a number.
func (c *caller) answers(from *bufio.Reader, most int) (list []*answer) {
	for range most {
		res, err := http.ReadResponse(from, nil)
		if err != nil {
			break
		}
		a, err := read(res)
		_ = res.Body.Close()
		if err != nil {
			break
		}
		c.heard(a)
		list = append(list, a)
	}
	return list
}

// newByteReader reads no further than it is asked to: what follows an answer is another protocol.
func newByteReader(c net.Conn) *bufio.Reader { return bufio.NewReaderSize(oneByte{c}, 16) }

type oneByte struct{ net.Conn }

// Read implements io.Reader.
func (o oneByte) Read(p []byte) (int, error) { return o.Conn.Read(p[:min(1, len(p))]) }
