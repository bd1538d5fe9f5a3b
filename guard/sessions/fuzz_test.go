package sessions

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"filippo.io/age"
	"github.com/moby/moby/api/pkg/stdcopy"
)

// FuzzFrames compares with the engine's own reader, however the bytes come.
func FuzzFrames(f *testing.F) {
	f.Add(append(frame(stdout, []byte("out")), frame(stderr, []byte("err"))...), uint64(1))
	f.Add(append(frame(stdin, []byte("in")), 1, 0, 0, 0, 0, 0), uint64(2))
	f.Add([]byte("\x02\x00\x00\x00\xff\xff\xff\xffrest"), uint64(3))
	f.Add([]byte("no frame at all"), uint64(4))
	f.Fuzz(func(t *testing.T, wire []byte, seed uint64) {
		var got [system + 1]bytes.Buffer
		var fr frames
		r := rand.New(rand.NewPCG(seed, 0))
		all := 0
		for rest := wire; len(rest) > 0; {
			n := 1 + r.IntN(len(rest))
			fr.take(rest[:n], func(stream byte, piece []byte) {
				got[stream].Write(piece)
				all += len(piece)
			})
			rest = rest[n:]
		}
		if all > len(wire) {
			t.Fatalf("%d bytes came of %d", all, len(wire))
		}
		// The engine's reader makes room for what a head says, and has ideas of its own of errors.
		if fr.broken || got[system].Len() > 0 || fr.left > 1<<20 || !plausible(wire) {
			return
		}
		var out, err bytes.Buffer
		if _, e := stdcopy.StdCopy(&out, &err, bytes.NewReader(wire)); e != nil {
			return
		}
		both := got[stdin].String() + got[stdout].String()
		// It gives nothing of a frame that is not whole; stdin is told as stdout, so the order is compared only where there is no stdin.
		if got[stdin].Len() == 0 && (!strings.HasPrefix(both, out.String()) || !strings.HasPrefix(got[stderr].String(), err.String())) {
			t.Fatalf("%q %q, the engine's reader has %q %q", both, got[stderr].String(), out.String(), err.String())
		}
		if fr.left == 0 && fr.have == 0 && len(both)+got[stderr].Len() != out.Len()+err.Len() {
			t.Fatalf("%d bytes, the engine's reader has %d", len(both)+got[stderr].Len(), out.Len()+err.Len())
		}
	})
}

// plausible says whether no head says that a frame is larger than all.
func plausible(wire []byte) bool {
	for len(wire) >= frameHead {
		n := int(wire[4])<<24 | int(wire[5])<<16 | int(wire[6])<<8 | int(wire[7])
		if n > 1<<20 {
			return false
		}
		wire = wire[min(len(wire), frameHead+n):]
	}
	return true
}

// FuzzWhole checks that text that is cut anywhere comes out whole.
func FuzzWhole(f *testing.F) {
	f.Add("héllo €", uint64(1))
	f.Add("\xe2\x82", uint64(2))
	f.Add("\xff\xf0\x9f\x98\x80", uint64(3))
	f.Fuzz(func(t *testing.T, s string, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		var w whole
		var got strings.Builder
		for rest := s; rest != ""; {
			n := 1 + r.IntN(len(rest))
			piece := w.take([]byte(rest[:n]))
			if utf8.ValidString(s) && !utf8.ValidString(piece) {
				t.Fatalf("%q of %q", piece, s)
			}
			got.WriteString(piece)
			rest = rest[n:]
		}
		got.WriteString(w.end())
		if got.String() != s {
			t.Fatalf("%q became %q", s, got.String())
		}
	})
}

// FuzzReader reads what is no recording, in clear text of one and as bytes of a file.
func FuzzReader(f *testing.F) {
	k, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("{\"version\":2,\"width\":80,\"height\":24}\n[0.1, \"o\", \"x\"]\n"), []byte("[1,\"m\",\"bulkhead:segment::1\"]\n[2,\"o\",\"y\"]\n"), []byte{})
	f.Add([]byte("{\"version\":2,\"width\":80,\"height\":24}\n[-1e400, \"o\", \"x\"]\n"), []byte("[null,null]"), []byte("age-encryption.org/v1\n-> X25519 "))
	f.Fuzz(func(t *testing.T, one, two, tail []byte) {
		if len(one)+len(two) > 1<<20 {
			return
		}
		var file bytes.Buffer
		for _, text := range [][]byte{one, two} {
			w, err := age.Encrypt(&file, k.Recipient())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(text); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		file.Write(tail)
		for _, from := range [][]byte{file.Bytes(), tail} {
			r, err := NewReader(bytes.NewReader(from), k)
			if err != nil {
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrIdentity) {
					t.Fatal(err)
				}
				continue
			}
			var last time.Duration
			for n := 0; ; n++ {
				e, err := r.Next()
				if errors.Is(err, io.EOF) || errors.Is(err, ErrDamaged) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if e.At < last || n > len(from) {
					t.Fatalf("event %d at %s after %s", n, e.At, last)
				}
				last = e.At
			}
		}
	})
}

// FuzzScreen looks at what comes through to a terminal.
func FuzzScreen(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, data string, cut int) {
		data = strings.ToValidUTF8(data, "\ufffd") // as JSON gives it
		for _, s := range []Shower{NewScreen(), NewPlain()} {
			at := max(0, min(cut, len(data)))
			shown := s.Show(data[:at]) + s.Show(data[at:])
			if bad := harm(shown); bad != "" {
				t.Fatalf("%T lets %q through: %q", s, bad, shown)
			}
		}
	})
}
