// Package segment is the room of segmentation between containers. Today it reads what the kernel filters, over netlink
// for nftables and from iptables-save for the older tables, and fills the snapshot's firewall facts; enforcement comes
// later and will live here, in a table of its own.
//
// It changes nothing in the kernel and never will in tables of others. It may import model and pure packages.
package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// maxSave bounds the output of iptables-save.
const maxSave = 32 << 20

// Reader reads the firewall of the network namespace in which it runs.
type Reader struct {
	root string
	// nft lists the chains of nftables, save the rules of iptables-legacy for "ip" or "ip6".
	nft  func(context.Context) (ruleset, error)
	save func(ctx context.Context, family string) ([]byte, error)
}

// New returns a Reader of the host whose files are below root.
func New(root string) *Reader {
	return &Reader{root: root, nft: listNftables, save: runSave}
}

// Collectors lists what the package collects.
func (x *Reader) Collectors() []model.Collector {
	return []model.Collector{{Name: "network.firewall", Paths: []string{"/firewall"}, Deadline: 5 * time.Second, Collect: x.Firewall}}
}

// Firewall reads tables, chains and rules as far as containers are concerned, and the bridge's sysctls.
func (x *Reader) Firewall(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	set, err := x.nft(ctx)
	if err != nil {
		return nil, []model.Gap{gap(err)}
	}
	for _, family := range []string{"ip", "ip6"} {
		legacy, err := x.legacy(ctx, family)
		if err != nil {
			return nil, []model.Gap{gap(err)}
		}
		set.chains = append(set.chains, legacy...)
		set.legacy = set.legacy || len(legacy) > 0
	}
	fw := derive(set)
	fw.BridgeNFCallIPTables = x.flag("proc/sys/net/bridge/bridge-nf-call-iptables")
	fw.BridgeNFCallIP6Tables = x.flag("proc/sys/net/bridge/bridge-nf-call-ip6tables")
	return func(s *model.Snapshot) { s.Firewall = fw }, nil
}

// legacy reads the tables of the older iptables, where the kernel has any.
func (x *Reader) legacy(ctx context.Context, family string) ([]chain, error) {
	names, err := x.file("proc/net/" + family + "_tables_names")
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(names) == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the names of %s tables: %w", family, err)
	}
	raw, err := x.save(ctx, family)
	if err != nil {
		return nil, err
	}
	return parseSave(family, raw)
}

func (x *Reader) file(name string) (string, error) {
	f, err := os.Open(filepath.Join(x.root, name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, 4096))
	return string(raw), err
}

func (x *Reader) flag(name string) *bool {
	v, err := x.file(name)
	if err != nil {
		return nil
	}
	on := strings.TrimSpace(v) != "0"
	return &on
}

// runSave runs the program that prints the older tables. It changes nothing.
func runSave(ctx context.Context, family string) ([]byte, error) {
	names := []string{"iptables-legacy-save", "iptables-save"}
	if family == "ip6" {
		names = []string{"ip6tables-legacy-save", "ip6tables-save"}
	}
	var program string
	for _, n := range names {
		for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin"} {
			if p := filepath.Join(dir, n); program == "" && isFile(p) {
				program = p
			}
		}
	}
	if program == "" {
		return nil, fmt.Errorf("the kernel has %s tables of iptables-legacy and %s is not installed: %w", family, names[0], errors.ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	out, problem := &capped{}, &capped{}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = out, problem
	cmd.WaitDelay = 100 * time.Millisecond
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("running %s: %w: %.200s", program, err, strings.TrimSpace(problem.b.String()))
	}
	return out.b.Bytes(), nil
}

func isFile(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.Mode().IsRegular()
}

// capped is a buffer that refuses more than maxSave.
type capped struct{ b bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if c.b.Len()+len(p) > maxSave {
		return 0, fmt.Errorf("more than %d bytes of rules", maxSave)
	}
	return c.b.Write(p)
}

// gap says why the firewall could not be read.
func gap(err error) model.Gap {
	g := model.Gap{Path: "/firewall", Reason: model.GapFailed, Detail: err.Error()}
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, fs.ErrPermission):
		g.Reason, g.Remedy = model.GapPermission, "run as root or with CAP_NET_ADMIN and CAP_DAC_READ_SEARCH"
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		g.Reason = model.GapTimeout
	case errors.Is(err, errMalformed):
		g.Reason = model.GapMalformed
	case errors.Is(err, errors.ErrUnsupported):
		g.Reason, g.Remedy = model.GapUnsupported, "install the iptables package of the distribution"
	}
	return g
}
