package guarded

import (
	"os"
	"strings"
	"testing"
)

func TestUnwritten(t *testing.T) {
	for line, want := range map[string]bool{
		"00400000-0408b000 r-xp 00000000 fe:00 1049                       /usr/bin/bulkhead":  true,
		"0408b000-0508b000 r--p 0348b000 fe:00 1049                       /usr/bin/bulkhead":  true,
		"0508b000-0608b000 rw-p 0448b000 fe:00 1049                       /usr/bin/bulkhead":  false, // variables
		"00400000-0408b000 r-xp 00000000 fe:00 1049                       /usr/bin/bulkhead2": false,
		"7f0000000000-7f0000100000 r-xp 00000000 fe:00 7                  /lib/libc.so.6":     false,
		"7f0000000000-7f0000100000 r--p 00000000 00:00 0":                                     false,
		"7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0                  [vdso]":             false,
		"0408b000-00400000 r-xp 00000000 fe:00 1049                       /usr/bin/bulkhead":  false,
		"nonsense r-xp 0 0 0 /usr/bin/bulkhead":                                               false,
		"":                                                                                    false,
	} {
		if _, _, ok := unwritten(line, "/usr/bin/bulkhead"); ok != want {
			t.Errorf("%q: %v", line, ok)
		}
	}
}

// What the loader wrote into a part of the file, and closed then, stays.
func TestUntouched(t *testing.T) {
	const smaps = `00400000-00500000 r-xp 00000000 fe:00 1049                       /usr/bin/bulkhead
Size:               1024 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00500000-00600000 r--p 00100000 fe:00 1049                       /usr/bin/bulkhead
Size:               1024 kB
Anonymous:             4 kB
00600000-00700000 rw-p 00200000 fe:00 1049                       /usr/bin/bulkhead
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 7                  /lib/libc.so.6
Anonymous:             0 kB
`
	var errs []error
	var found []uintptr
	for begin := range untouched(strings.NewReader(smaps), "/usr/bin/bulkhead", &errs) {
		found = append(found, begin)
	}
	if len(found) != 1 || found[0] != 0x400000 || len(errs) != 0 {
		t.Errorf("%x %v", found, errs)
	}
}

// A program that gave its pages back goes on, and has fewer of them.
func TestSettle(t *testing.T) {
	resident := func() string {
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "RssFile:") {
				return strings.Fields(line)[1]
			}
		}
		t.Fatal("the kernel does not say it")
		return ""
	}
	before := resident()
	if err := settle(); err != nil {
		t.Fatal(err)
	}
	if after := resident(); len(after) > len(before) || len(after) == len(before) && after >= before {
		t.Errorf("%s kB before, %s kB after", before, after)
	}
}
