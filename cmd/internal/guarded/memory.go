package guarded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// settleEvery is how often a guard gives back what it does not use.
const settleEvery = time.Minute

// garbagePercent is how much a guard's memory may grow before what is not used of it is looked for (GOGC): it has little, and can look often.
const garbagePercent = 50

// keepSmall gives memory back until ctx ends.
func keepSmall(ctx context.Context, log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	every := time.NewTicker(settleEvery)
	defer every.Stop()
	for {
		if err := settle(); err != nil {
			log.Warn("the guard holds more memory than it needs", "error", err)
			return
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// settle gives back to the machine what was needed for a moment, at the start most of all: memory, and pages of the program's own file, of
// which the kernel maps sixteen around each that is touched. What is used again comes again from the file, without a copy.
func settle() error {
	debug.FreeOSMemory()
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("the program's own pages: %w", err)
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("the program's own pages: %w", err)
	}
	defer maps.Close()
	var errs []error
	for begin, size := range untouched(maps, own, &errs) {
		if _, _, no := unix.Syscall(unix.SYS_MADVISE, begin, size, unix.MADV_DONTNEED); no != 0 {
			errs = append(errs, fmt.Errorf("the program's own pages: %w", no))
		}
	}
	return errors.Join(errs...)
}

// untouched are the parts of a file in memory of which no page was ever written to. What can't be written to now may have been before: a
// position-independent program is relocated at its start, and what the loader wrote is nowhere else.
func untouched(smaps io.Reader, file string, errs *[]error) iter.Seq2[uintptr, uintptr] {
	return func(yield func(uintptr, uintptr) bool) {
		var begin, size uintptr
		ok := false
		lines := bufio.NewScanner(smaps)
		for lines.Scan() {
			text := lines.Text()
			value, field := strings.CutPrefix(text, "Anonymous:")
			switch {
			case !field && !strings.Contains(strings.SplitN(text, " ", 2)[0], ":"):
				begin, size, ok = unwritten(text, file)
			case field && ok && strings.TrimSpace(value) == "0 kB" && !yield(begin, size):
				return
			}
		}
		if err := lines.Err(); err != nil {
			*errs = append(*errs, fmt.Errorf("the program's own pages: %w", err))
		}
	}
}

// unwritten reads the first line of a part in /proc/PID/smaps, such as "00400000-0408b000 r-xp 00000000 fe:00 1049 /usr/bin/bulkhead". It takes what is of the
// file and can't be written to: of anything else the content would be lost.
func unwritten(line, file string) (begin, size uintptr, ok bool) {
	f := strings.SplitN(line, " ", 6)
	if len(f) < 6 || !strings.HasPrefix(f[1], "r-") || strings.TrimLeft(f[5], " ") != file {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(f[0], "-")
	first, err1 := strconv.ParseUint(from, 16, strconv.IntSize)
	last, err2 := strconv.ParseUint(to, 16, strconv.IntSize)
	if err1 != nil || err2 != nil || last <= first {
		return 0, 0, false
	}
	return uintptr(first), uintptr(last - first), true
}
