package buildkit

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// echo has the engine ask a session something, which it answers with the same.
func (o *opened) echo(t *testing.T, method string, size int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := o.builder.NewStream(ctx, both(), method)
	if err != nil {
		return err
	}
	f := &frame{text: make([]byte, size)}
	if err := s.SendMsg(f); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if f.text = nil; s.RecvMsg(f) == nil && len(f.text) == size {
		return nil
	}
	return s.RecvMsg(f)
}

const (
	anAgent = "/moby.sshforward.v1.SSH/ForwardAgent"
	aLayer  = "/containerd.services.content.v1.Content/Read"
	isWell  = "/grpc.health.v1.Health/Check"
)

// What a caller answers in one message is as large as clients need.
func TestAnswersAreBound(t *testing.T) {
	w := newWorld()
	c := w.session(t, "s1", false, nil)
	for method, most := range map[string]int{anAgent: answerFile, aLayer: answerOther, "/moon.v1/X": answerOther, isWell: answerHealth} {
		if err := c.echo(t, method, most); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		if err := c.echo(t, method, most+1); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("%s: more than the most: %v", method, err)
		}
	}
	if mostAnswer(diffCopy) != answerFile {
		t.Error("files come in any size")
	}
	w.free(t)
}

// free waits until nothing is held of what sessions send.
func (w *world) free(t *testing.T) {
	t.Helper()
	w.waits(t, func() bool {
		w.room.answers.mu.Lock()
		defer w.room.answers.mu.Unlock()
		return w.room.answers.free == mostAnswers && len(w.room.answers.each) == 0
	})
}

// An account has so many answers under way at a time; whether its session is well is asked in any case, and others are not kept waiting.
func TestAnswersOfAnAccount(t *testing.T) {
	w := newWorld()
	w.room.readTime = 5 * time.Second
	c := w.session(t, "s1", true, nil)
	alice := whose(w.caller("alice").Ask.Subject)
	var shares []*share
	for range mostAnswersEach / answerOther {
		s, err := w.room.answers.take(t.Context(), alice, answerOther)
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, s)
	}
	if err := c.echo(t, anAgent, 1); status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "build less at a time") {
		t.Errorf("more than an account may have: %v", err)
	}
	if err := c.echo(t, isWell, 1); err != nil {
		t.Errorf("the engine would end the session: %v", err)
	}
	if s, err := w.room.answers.take(t.Context(), "bob", answerOther); err != nil {
		t.Error(err)
	} else {
		s.keep(0)
	}
	shares[0].keep(0)
	if err := c.echo(t, anAgent, 1); err != nil {
		t.Error(err)
	}
	for _, s := range shares {
		s.keep(0)
	}
	w.free(t)
}

// large is a stream of one message.
type large struct {
	stream
	text []byte
}

func (l *large) RecvMsg(m any) error {
	f, ok := m.(*frame)
	if !ok || l.text == nil {
		return io.EOF
	}
	f.text, l.text = l.text, nil
	return nil
}

// A session that comes in messages of a call is read in small ones.
func TestTunnelledIsBound(t *testing.T) {
	for size, want := range map[int]error{mostTunnelled / 2: nil, mostTunnelled: errTunnelled} {
		text, err := proto.Marshal(&control.BytesMessage{Data: make([]byte, size)})
		if err != nil {
			t.Fatal(err)
		}
		c := newTunnel(&large{text: text}, func() {})
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", size, err)
		}
		c.Close()
	}
}
