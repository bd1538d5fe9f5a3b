package buildkit

import (
	"os"
	"strings"
	"syscall"
	"testing"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	fstypes "github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Of builds files are read and nothing else: a device in an image would be the host's.
func TestReadsFilesOnly(t *testing.T) {
	w := newWorld()
	cc, _ := w.client(t, "alice")
	if _, err := control.NewControlClient(cc).Solve(t.Context(), &control.SolveRequest{Ref: "b1"}); err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), keyBuild, "b1")
	for name, c := range map[string]struct {
		stat *fstypes.Stat
		want codes.Code
	}{
		"a file":        {&fstypes.Stat{Mode: 0o600}, codes.OK},
		"setuid":        {&fstypes.Stat{Mode: uint32(os.ModeSetuid | 0o755)}, codes.OK},
		"a disk":        {&fstypes.Stat{Mode: uint32(os.ModeDevice | 0o600), Devmajor: 8}, codes.InvalidArgument},
		"a character":   {&fstypes.Stat{Mode: uint32(os.ModeDevice | os.ModeCharDevice)}, codes.InvalidArgument},
		"a pipe":        {&fstypes.Stat{Mode: uint32(os.ModeNamedPipe)}, codes.InvalidArgument},
		"nobody knows":  {nil, codes.InvalidArgument},
		"a directory":   {&fstypes.Stat{Mode: uint32(os.ModeDir)}, codes.InvalidArgument},
		"not even that": {&fstypes.Stat{Mode: uint32(os.ModeIrregular)}, codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := proto.Marshal(&gateway.StatFileResponse{Stat: c.stat})
			if err != nil {
				t.Fatal(err)
			}
			w.engine.mu.Lock()
			w.engine.got, w.engine.says = nil, map[string][]byte{gateway.LLBBridge_StatFile_FullMethodName: text}
			w.engine.mu.Unlock()
			_, err = gateway.NewLLBBridgeClient(cc).ReadFile(ctx, &gateway.ReadFileRequest{Ref: "x", FilePath: "d", Range: &gateway.FileRange{Length: 512}})
			if status.Code(err) != c.want || err != nil && !strings.Contains(err.Error(), "regular file") {
				t.Error(err)
			}
			w.engine.mu.Lock()
			defer w.engine.mu.Unlock()
			if read := len(w.engine.got) == 2; read != (c.want == codes.OK) || w.engine.md.Get(keyBuild)[0] != "b1" {
				t.Errorf("the engine got %v %v", w.engine.got, w.engine.md)
			}
		})
	}
	if len(w.judge.strange) != 6 {
		t.Errorf("records %q", w.judge.strange)
	}
}

// A pipe in any part of a session ends its transfer, with its record: no build reads a file in this one.
func TestNoDevicesOverSessions(t *testing.T) {
	w := newWorld()
	c := w.session(t, "s1", false, map[string]string{"context:a": "x"})
	if err := syscall.Mkfifo(c.dir+"/context/p", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.takes(t, t.TempDir(), "context"); err == nil || !strings.Contains(err.Error(), ".dockerignore") || !strings.Contains(err.Error(), "audit record: r1") {
		t.Error(err)
	}
	if len(w.judge.strange) != 1 {
		t.Errorf("records %q", w.judge.strange)
	}
}
