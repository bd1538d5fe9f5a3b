package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// settle gives back to the machine what only the start needed: memory, and pages of the program's own file, of which the kernel maps sixteen
// around each that is touched. What is used again comes again from the file.
func settle() error {
	debug.FreeOSMemory()
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("the program's own pages: %w", err)
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("the program's own pages: %w", err)
	}
	defer maps.Close()
	var errs []error
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		f := strings.Fields(lines.Text()) // 00400000-0408b000 r-xp 00000000 fe:00 1049 /usr/bin/bulkhead
		if len(f) < 6 || f[1][0] != 'r' || f[1][1] != '-' || strings.Join(f[5:], " ") != own {
			continue // what was written to would be lost
		}
		from, to, _ := strings.Cut(f[0], "-")
		begin, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 != nil || err2 != nil || end <= begin {
			continue
		}
		pages := unsafe.Slice((*byte)(unsafe.Pointer(uintptr(begin))), end-begin) //nolint:govet,gosec // memory of the program, which stays where it is
		if err := unix.Madvise(pages, unix.MADV_DONTNEED); err != nil {
			errs = append(errs, fmt.Errorf("the program's own pages at %s: %w", f[0], err))
		}
	}
	return errors.Join(append(errs, lines.Err())...)
}
