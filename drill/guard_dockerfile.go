package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/google/uuid"
	control "github.com/moby/buildkit/api/services/control"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	fstypes "github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// filesAsked is what the builder asks a client's session for its files by.
const filesAsked = "/moby.filesync.v1.FileSync/DiffCopy"

// dockerfileDrills are of what a Dockerfile says, which the builder reads in the caller's session: %s is an address that only the host reaches.
func dockerfileDrills(builds func(id, technique, title string, do attack) Drill) []Drill {
	const calls = "T1090"
	return []Drill{
		builds("dockerfile-add", calls, "A Dockerfile has BuildKit call an address that only its host reaches (ADD)", reaches(fileSays("FROM scratch\nADD http://%s/x /x\n"))),
		builds("dockerfile-onbuild", calls, "An image that a Dockerfile begins with has BuildKit call that address (ONBUILD)", reaches(imageSays("ONBUILD ADD http://%s/x /x"))),
		builds("dockerfile-from", calls, "A Dockerfile begins with an image of a registry that only the host reaches", reaches(fileSays("FROM %s/base:1\n"))),
		builds("dockerfile-syntax", "T1195.002", "A program that reads the Dockerfile is fetched from where only the host reaches (# syntax)",
			reaches(fileSays("# syntax=%s/frontend:1\nFROM scratch\n"))),
		builds("call-syntax", "T1195.002", "The engine's own call names the program that reads the Dockerfile (BUILDKIT_SYNTAX)", reaches(callsSyntax)),
	}
}

// fileSays has a build made of a Dockerfile in a session of mallory's.
func fileSays(dockerfile string) func(ctx context.Context, w *EngineWorld, address string) error {
	return func(ctx context.Context, w *EngineWorld, address string) error {
		return w.buildsFile(ctx, fmt.Sprintf(dockerfile, address))
	}
}

// imageSays has a build made on an image of the host that has a trigger.
func imageSays(trigger string) func(ctx context.Context, w *EngineWorld, address string) error {
	return func(ctx context.Context, w *EngineWorld, address string) error {
		made, err := w.root.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &container.Config{Image: ground.Image, Cmd: []string{"/bin/true"}}})
		if err != nil {
			return err
		}
		base := w.name + "/trigger:1"
		if _, err := w.root.ContainerCommit(ctx, made.ID, client.ContainerCommitOptions{Reference: base, Changes: []string{fmt.Sprintf(trigger, address)}}); err != nil {
			return err
		}
		return w.buildsFile(ctx, "FROM "+base+"\n")
	}
}

func (w *EngineWorld) buildsFile(ctx context.Context, dockerfile string) error {
	return w.withFile(ctx, dockerfile, func(session string) error {
		return w.solves(ctx, &control.SolveRequest{
			Ref: hexName(), Session: session, Frontend: "dockerfile.v0", Cache: &control.CacheOptions{},
		})
	})
}

func callsSyntax(ctx context.Context, w *EngineWorld, address string) error {
	return w.withFile(ctx, "FROM scratch\n", func(session string) error {
		q := url.Values{
			"version": {"2"}, "remote": {"client-session"}, "session": {session}, "buildid": {hexName()},
			"buildargs": {`{"BUILDKIT_SYNTAX":"` + address + `/frontend:1"}`},
		}
		_, err := w.mallory.send(ctx, "POST", "/build?"+q.Encode(), nil) // whatever it says then
		return err
	})
}

func hexName() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// withFile does something while mallory has a session in which a Dockerfile is.
func (w *EngineWorld) withFile(ctx context.Context, dockerfile string, do func(session string) error) error {
	id := hexName()
	c, err := w.mallory.serves(ctx, id, map[string]grpc.StreamHandler{filesAsked: func(_ any, s grpc.ServerStream) error { return sendsFile(s, dockerfile) }})
	if errors.Is(err, errNoUpgrade) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(do(id), c.Close())
}

// sendsFile is a client's end of a transfer of files, in which there is one.
func sendsFile(s grpc.ServerStream, dockerfile string) error {
	send := func(p *fstypes.Packet) error {
		text, err := proto.Marshal(p)
		if err != nil {
			return err
		}
		return s.SendMsg(&text)
	}
	const mode = 0o644
	err := send(&fstypes.Packet{Type: fstypes.PACKET_STAT, Stat: &fstypes.Stat{Path: "Dockerfile", Mode: mode, Size: int64(len(dockerfile))}})
	if err = errors.Join(err, send(&fstypes.Packet{Type: fstypes.PACKET_STAT})); err != nil {
		return err
	}
	for {
		var text []byte
		if err := s.RecvMsg(&text); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var p fstypes.Packet
		if err := proto.Unmarshal(text, &p); err != nil {
			return err
		}
		switch p.GetType() {
		case fstypes.PACKET_REQ:
			err = errors.Join(send(&fstypes.Packet{Type: fstypes.PACKET_DATA, ID: p.GetID(), Data: []byte(dockerfile)}),
				send(&fstypes.Packet{Type: fstypes.PACKET_DATA, ID: p.GetID()}))
		case fstypes.PACKET_FIN:
			return send(&fstypes.Packet{Type: fstypes.PACKET_FIN})
		case fstypes.PACKET_ERR:
			return nil
		case fstypes.PACKET_STAT, fstypes.PACKET_DATA:
		}
		if err != nil {
			return err
		}
	}
}
