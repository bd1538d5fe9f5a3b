package buildkit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/solve"
)

func packet(t testing.TB, p *fstypes.Packet) []byte {
	t.Helper()
	text, err := solve.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func stat(t testing.TB, at string, mode os.FileMode) []byte {
	return packet(t, &fstypes.Packet{Type: fstypes.PACKET_STAT, Stat: &fstypes.Stat{Path: at, Mode: uint32(mode), ModTime: 1}})
}

func data(t testing.TB, id uint32, text string) []byte {
	return packet(t, &fstypes.Packet{Type: fstypes.PACKET_DATA, ID: id, Data: []byte(text)})
}

// seenFiles remembers what was judged.
type seenFiles struct {
	names, texts []string
	held         int
}

func (s *seenFiles) transfer(names ...string) *transfer {
	return newTransfer(names, func(_ context.Context, name string, text []byte) error {
		s.names, s.texts = append(s.names, name), append(s.texts, string(text))
		if bytes.Contains(text, []byte("evil")) {
			return errors.New("refused")
		}
		return nil
	}, func(n int) error { s.held += n; return nil })
}

// What goes on is what was judged, and not before it was.
func TestTransfer(t *testing.T) {
	var s seenFiles
	tr := s.transfer("Dockerfile", "dockerfile")
	sent := ""
	for _, c := range []struct {
		text []byte
		on   int
	}{
		{stat(t, "Dockerfile", 0o644), 1},
		{stat(t, "large", 0o644), 1},
		{stat(t, "sub", os.ModeDir|0o755), 1},
		{packet(t, &fstypes.Packet{}), 1},
		{data(t, 0, "FROM "), 0},
		{data(t, 1, "x"), 1},
		{data(t, 0, strings.Repeat("a", 64<<10)), 0},
		{data(t, 0, ""), 4},
		{data(t, 1, ""), 1},
	} {
		list, err := tr.come(t.Context(), c.text)
		if err != nil || len(list) != c.on {
			t.Fatalf("%v: %d packets", err, len(list))
		}
		for _, text := range list {
			var p fstypes.Packet
			if err := solve.Decode(text, &p); err != nil {
				t.Fatal(err)
			}
			if p.GetStat().GetPath() == "Dockerfile" && p.GetStat().GetModTime() == 1 {
				t.Error("a builder that has it would not ask for it")
			}
			if p.GetStat().GetPath() == "large" && p.GetStat().GetModTime() != 1 {
				t.Error("others' times are changed")
			}
			if p.GetType() == fstypes.PACKET_DATA && p.GetID() == 0 {
				sent += string(p.GetData())
			}
		}
	}
	if len(s.texts) != 1 || s.texts[0] != sent || sent != "FROM "+strings.Repeat("a", 64<<10) || s.held != len(sent) {
		t.Errorf("judged %d, sent %d bytes, held %d", len(s.texts), len(sent), s.held)
	}
	fin := packet(t, &fstypes.Packet{Type: fstypes.PACKET_FIN})
	if err := tr.goes(fin); !errors.Is(err, errKept) {
		t.Errorf("nobody asked for it: %v", err)
	}
	if err := tr.goes(packet(t, &fstypes.Packet{Type: fstypes.PACKET_REQ})); err != nil {
		t.Error(err)
	}
	if err := tr.goes(fin); err != nil {
		t.Error(err)
	}
}

// What a builder could take for something else is not passed on.
func TestTransferRefused(t *testing.T) {
	file := stat(t, "Dockerfile", 0o644)
	link := packet(t, &fstypes.Packet{Stat: &fstypes.Stat{Path: "Dockerfile", Mode: uint32(os.ModeSymlink), Linkname: "x"}})
	hard := packet(t, &fstypes.Packet{Stat: &fstypes.Stat{Path: "Dockerfile", Mode: 0o644, Linkname: "x"}})
	above := packet(t, &fstypes.Packet{Stat: &fstypes.Stat{Path: "sub", Mode: uint32(os.ModeSymlink), Linkname: "x"}})
	large := data(t, 0, strings.Repeat("x", 600<<10))
	for name, c := range map[string][][]byte{
		"refused":           {file, data(t, 0, "FROM evil"), data(t, 0, "")},
		"too large":         {file, large, large},
		"more than it has":  {file, data(t, 0, ""), data(t, 0, "FROM evil")},
		"twice":             {file, file},
		"before its list":   {data(t, 0, "FROM evil")},
		"a link":            {link},
		"a hard link":       {hard},
		"behind a link":     {above},
		"no path":           {stat(t, "./Dockerfile", 0o644)},
		"up":                {stat(t, "../Dockerfile", 0o644)},
		"absolute":          {stat(t, "/Dockerfile", 0o644)},
		"not counted":       {stat(t, ".fsutil-metadata", 0o644)},
		"an unknown packet": {packet(t, &fstypes.Packet{Type: 9})},
		"an unknown field":  {append(packet(t, &fstypes.Packet{Type: fstypes.PACKET_FIN}), 0x78, 1)},
		"no packet":         {[]byte("x")},
		"two ends":          {packet(t, &fstypes.Packet{}), packet(t, &fstypes.Packet{})},
		"after its end":     {packet(t, &fstypes.Packet{}), stat(t, "x", 0o644)},
		"a disk":            {stat(t, "d", os.ModeDevice|0o600)},
		"a character":       {stat(t, "d", os.ModeDevice|os.ModeCharDevice|0o600)},
		"half a character":  {stat(t, "d", os.ModeCharDevice|0o600)},
		"a pipe":            {stat(t, "d", os.ModeNamedPipe|0o600)},
		"a socket":          {stat(t, "d", os.ModeSocket|0o600)},
		"something else":    {stat(t, "d", os.ModeIrregular|0o600)},
		"two kinds":         {stat(t, "d", os.ModeDir|os.ModeDevice|0o600)},
		"a build's device":  {stat(t, "Dockerfile", os.ModeDevice|0o600)},
	} {
		t.Run(name, func(t *testing.T) {
			tr := (&seenFiles{}).transfer("Dockerfile", "sub/Dockerfile")
			var err error
			for _, text := range c {
				if err != nil {
					t.Fatal("refused too early", err)
				}
				_, err = tr.come(t.Context(), text)
			}
			if err == nil {
				t.Error("it goes on")
			}
		})
	}
	tr := newTransfer([]string{"Dockerfile"}, nil, func(int) error { return errFiles })
	if _, err := tr.come(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.come(t.Context(), data(t, 0, "x")); !errors.Is(err, errFiles) {
		t.Error(err)
	}
}

// What is kept of files is bound for each account and for all, and given back with the session.
func TestFilesAreBound(t *testing.T) {
	f := newFiles()
	closed := f.open("s1", "alice")
	f.open("s2", "bob")
	if err := f.grow("s1", mostFileTextEach); err != nil {
		t.Fatal(err)
	}
	if err := f.grow("s1", 1); !errors.Is(err, errFiles) {
		t.Error(err)
	}
	if err := f.grow("s2", 1); err != nil {
		t.Error(err)
	}
	closed()
	if err := f.grow("s1", 1); !errors.Is(err, errFiles) || f.all != 1 || len(f.each) != 1 {
		t.Errorf("%v %d %v", err, f.all, f.each)
	}
	if _, err := f.read([]string{"s1"}, &call.BuildFile{}, ""); !errors.Is(err, errNone) {
		t.Errorf("nobody would look at it: %v", err)
	}
	if err := f.begin("b1", []string{"s1"}); !errors.Is(err, errNone) {
		t.Error(err)
	}
	same := &sentText{local: "dockerfile", name: "Dockerfile", text: []byte("FROM a")}
	for range 3 {
		if err := f.grow("s2", len(same.text)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.came("s2", &part{}, &sentText{local: same.local, name: same.name, text: same.text}); err != nil {
			t.Fatal(err)
		}
	}
	if f.all != 1+len(same.text) {
		t.Errorf("one file is kept in %d bytes", f.all)
	}
	for i := range mostReads + 1 {
		_, err := f.read([]string{"s2"}, &call.BuildFile{Local: "dockerfile", Name: strings.Repeat("x", i+1)}, "")
		if (err != nil) != (i == mostReads) {
			t.Fatalf("%d ways of reading: %v", i, err)
		}
	}
}

// What of a build's file goes on was judged, whatever comes.
func FuzzTransfer(f *testing.F) {
	add := func(list ...[]byte) {
		var all []byte
		for _, text := range list {
			all = append(append(all, byte(len(text))), text...)
		}
		f.Add(all)
	}
	add(stat(f, "Dockerfile", 0o644), packet(f, &fstypes.Packet{}), data(f, 0, "FROM a"), data(f, 0, ""))
	add(packet(f, &fstypes.Packet{}), packet(f, &fstypes.Packet{}))
	add(stat(f, "d", os.ModeDevice|0o600))
	add(stat(f, "a", 0o644), stat(f, "sub", os.ModeDir), stat(f, "sub/Dockerfile", 0o644), data(f, 2, "FROM evil"), data(f, 0, "x"), data(f, 2, ""))
	f.Fuzz(func(t *testing.T, all []byte) {
		var s seenFiles
		tr := s.transfer("Dockerfile", "sub/Dockerfile")
		paths, next, sent, ended := map[uint32]string{}, uint32(0), map[uint32]string{}, false
		for len(all) > 0 {
			n := min(int(all[0]), len(all)-1)
			list, err := tr.come(t.Context(), all[1:1+n])
			if err != nil {
				return
			}
			all = all[1+n:]
			for _, text := range list { // as a builder reads it
				var p fstypes.Packet
				if err := p.UnmarshalVT(text); err != nil {
					t.Fatal("the builder does not read it", err)
				}
				switch {
				case p.GetType() == fstypes.PACKET_STAT && ended:
					t.Error("the list goes on after its end")
				case p.GetType() == fstypes.PACKET_STAT && p.GetStat() == nil:
					ended = true
				case p.GetType() == fstypes.PACKET_STAT:
					if os.FileMode(p.GetStat().GetMode())&^(os.ModeDir|os.ModeSymlink)&os.ModeType != 0 {
						t.Errorf("the builder would make a device: %v", p.GetStat())
					}
					paths[next] = p.GetStat().GetPath()
					next++
				case p.GetType() == fstypes.PACKET_DATA:
					sent[p.GetID()] += string(p.GetData())
				}
			}
		}
		for id, text := range sent {
			if at := paths[id]; at == "Dockerfile" || at == "sub/Dockerfile" {
				ok := text == ""
				for i := range s.names {
					ok = ok || s.names[i] == at && s.texts[i] == text
				}
				if f := tr.open[id]; !ok && f != nil {
					t.Errorf("%q was not judged: %q", at, text)
				}
			}
		}
	})
}
