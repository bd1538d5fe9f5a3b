//go:build e2e

package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestAsDirectly: for somebody who may do everything, the engine's own command line gives the same through the door as without it.
func TestAsDirectly(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			dir, err := os.MkdirTemp("", "bhg") // sockets need short paths
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			e, err := lab.StartEngine(t.Context(), lab.EngineOptions{Kind: kind, Private: true, Dir: filepath.Join(dir, "e")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				if err := e.Stop(ctx); err != nil {
					t.Error(err)
				}
			})
			cli, err := e.Client()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := lab.Load(t.Context(), cli, lab.Image{Tag: "lab/sh:1", Config: v1.Config{Cmd: []string{"sleep", "600"}}}); err != nil {
				t.Fatal(err)
			}
			guarded := filepath.Join(dir, "g.sock")
			listen(t, guarded, e.Socket)
			compare(t, dir, e.Socket, guarded)
		})
	}
}

func listen(t *testing.T, at, engine string) {
	t.Helper()
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	to := forward.New(engine)
	s := &http.Server{Handler: New(to, judge(everything), slog.New(slog.NewTextHandler(os.Stderr, nil))), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); to.Close() })
}

// what differs from one run to the next.
var varies = regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{12}\b|\d{4}-\d\d-\d\d[T ][0-9:.]+(Z| [+-]\d{4} [A-Z]+)?|\b(About a|Less than a|\d+) (second|minute)s?( ago)?|\d+(\.\d+)?(MiB|kB|MB|B|%)|pid:? *\d+|172\.\d+\.\d+\.\d+|02:42:[0-9a-f:]+|[0-9a-f]{2}(:[0-9a-f]{2}){5}`)

func compare(t *testing.T, dir, direct, guarded string) {
	t.Helper()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("some text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range script {
		line = strings.ReplaceAll(line, "FILE", file)
		line = strings.ReplaceAll(line, "DIR", dir)
		var out [2]string
		for i, socket := range []string{direct, guarded} {
			out[i] = run(t, dir, socket, strings.ReplaceAll(line, "NAME", fmt.Sprintf("c%d", i)), i)
		}
		if out[0] != out[1] {
			t.Errorf("%s\ndirectly: %s\nthrough the door: %s", line, out[0], out[1])
		}
	}
}

func run(t *testing.T, dir, socket, line string, i int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=unix://" + socket, "DOCKER_BUILDKIT=0"}
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &b, &b, time.Second
	err := cmd.Run()
	text := varies.ReplaceAllString(b.String(), "*")
	text = strings.ReplaceAll(text, socket, "SOCKET")
	text = strings.ReplaceAll(text, fmt.Sprintf("c%d", i), "NAME")
	if err != nil {
		text += err.Error()
	}
	return text
}

// script is what people type. NAME is another one for each way.
var script = []string{
	`docker version --format '{{.Server.APIVersion}} {{.Server.Os}}'`,
	`docker info --format '{{.Driver}} {{.CgroupDriver}} {{.Images}}'`,
	`docker images --format '{{.Repository}}:{{.Tag}}' | sort`,
	`docker run --rm lab/sh:1 echo hello`,
	`docker run --rm lab/sh:1 sh -c 'echo out; echo err >&2; exit 3'`,
	`echo to the container | docker run --rm -i lab/sh:1 cat`,
	`head -c 3000000 /dev/zero | docker run --rm -i lab/sh:1 wc -c`,
	`docker run -d --name NAME --label a=b -p 127.0.0.1::80 -m 64m --cap-drop ALL --read-only --tmpfs /tmp -v vol-NAME:/data lab/sh:1 >/dev/null; docker inspect -f '{{.State.Running}} {{.HostConfig.Memory}} {{.HostConfig.CapDrop}} {{.HostConfig.ReadonlyRootfs}}' NAME`,
	`docker ps --filter name=NAME --format '{{.Names}} {{.Image}} {{.Command}}'`,
	`docker exec NAME sh -c 'echo in; exit 4'`,
	`echo piped | docker exec -i NAME cat`,
	`docker exec -d NAME touch /data/x; sleep 0.3; docker exec NAME ls /data`,
	`docker exec nobody true`,
	`docker cp FILE NAME:/data/file && docker exec NAME cat /data/file && docker cp NAME:/data/file - | tar -xOf -`,
	`docker cp NAME:/no/such/file .`,
	`docker top NAME -o args`,
	`docker stats --no-stream --format '{{.Name}}' NAME`,
	`docker diff NAME`,
	`docker update -m 65m --memory-swap 130m NAME`,
	`docker pause NAME && docker ps -f name=NAME --format '{{.Status}}' | grep -c Paused; docker unpause NAME`,
	`docker rename NAME NAME-other && docker rename NAME-other NAME`,
	`docker restart -t 0 NAME`,
	`docker commit -m note -c 'ENV A=1' NAME lab/NAME:1 >/dev/null; docker inspect -f '{{.Config.Env}}' lab/NAME:1`,
	`docker tag lab/NAME:1 lab/NAME:2; docker rmi lab/NAME:1 lab/NAME:2 >/dev/null; docker images -q lab/NAME | wc -l`,
	`docker history --format '{{.CreatedBy}}' lab/sh:1`,
	`docker save lab/sh:1 | tar -t | wc -l`,
	`docker save lab/sh:1 | docker load`,
	`docker export NAME | tar -t | head -3`,
	`docker export NAME | docker import - lab/NAME-in:1 >/dev/null; docker rmi lab/NAME-in:1 | wc -l`,
	`docker network create --label a=b net-NAME >/dev/null; docker network connect --alias web net-NAME NAME; docker network inspect -f '{{.Driver}} {{.Labels}} {{len .Containers}}' net-NAME`,
	`docker network disconnect net-NAME NAME; docker network rm net-NAME`,
	`docker volume ls -q --filter name=vol-NAME; docker volume inspect -f '{{.Driver}}' vol-NAME`,
	`(sleep 1; docker kill -s TERM NAME >/dev/null) & docker wait NAME`,
	`docker logs NAME`,
	`timeout 3 docker events --since 1 --until "$(date +%s)" --filter container=NAME --filter event=create --format '{{.Action}}' | tail -1`,
	`docker rm -v NAME; docker volume rm vol-NAME`,
	`docker system df --format '{{.Type}}'`,
	`printf 'FROM lab/sh:1\nRUN echo built > /x\nCMD ["cat","/x"]\n' > DIR/Dockerfile; docker build -q -t lab/NAME-b:1 --label l=1 -f DIR/Dockerfile - < DIR/Dockerfile >/dev/null; docker run --rm lab/NAME-b:1; docker rmi lab/NAME-b:1 >/dev/null`,
	`docker run -d --name NAME lab/sh:1 sh -c 'for i in 1 2 3; do echo $i; sleep 0.3; done' >/dev/null; docker logs -f NAME; docker rm NAME`,
	`docker run -d -i --name NAME lab/sh:1 cat >/dev/null; echo attached | timeout 5 docker attach NAME; docker rm -f NAME`,
	`script -qec 'docker run --rm -t lab/sh:1 tty' /dev/null`,
	`docker pull localhost:1/nothing 2>&1 | tail -1 | cut -c1-40`,
	`docker swarm init --advertise-addr 127.0.0.1 >/dev/null 2>&1; docker node ls --format '{{.Status}}'; docker service create -d --name NAME --replicas 1 lab/sh:1 >/dev/null 2>&1; docker service ls --format '{{.Name}}'; echo s | docker secret create NAME - >/dev/null; docker secret ls --format '{{.Name}}'; docker service rm NAME; docker swarm leave --force`,
}
