package pki

import (
	"os"
	"syscall"
	"testing"
)

// A key that root hands to the server's group, as Kubernetes does with a secret, is good; to anybody else it is not.
func TestMasterKeyFromRoot(t *testing.T) {
	for _, c := range []struct {
		name  string
		uid   uint32
		gid   uint32
		mode  os.FileMode
		group int
		good  bool
	}{
		{"root's, for the group", 0, 65532, 0o440, 65532, true},
		{"for another group", 0, 65533, 0o440, 65532, false},
		{"another user's", 1000, 65532, 0o440, 65532, false},
		{"the group may write", 0, 65532, 0o460, 65532, false},
		{"everybody may read", 0, 65532, 0o444, 65532, false},
		{"root's group", 0, 0, 0o440, 0, false},
	} {
		info := owned{uid: c.uid, gid: c.gid, mode: c.mode}
		if got := handedOver(info, c.group); got != c.good {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// owned is a file's facts as another machine would have them.
type owned struct {
	os.FileInfo
	uid, gid uint32
	mode     os.FileMode
}

func (o owned) Mode() os.FileMode { return o.mode }
func (o owned) Sys() any          { return &syscall.Stat_t{Uid: o.uid, Gid: o.gid} }
