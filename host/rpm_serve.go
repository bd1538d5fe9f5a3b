package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

const (
	rpmFilesFlag  = "--files"
	rpmDescriptor = 3
	// limitRPMMemory is what the child may have. The library takes two to four times the size of the database.
	limitRPMMemory = 2 << 30
)

// ServeRPM is the other end of RPMChild, the whole work of a process: it reads the database of "[--files] FILE" and
// writes its packages to descriptor 3, a line of JSON each. It returns the exit code; why it is not 0 is the first line
// of what it says. Names that are no UTF-8 arrive changed.
func ServeRPM(args []string, say io.Writer) int {
	files := len(args) > 0 && args[0] == rpmFilesFlag
	if files {
		args = args[1:]
	}
	if len(args) != 1 {
		fmt.Fprintf(say, "usage: [%s] FILE\n", rpmFilesFlag)
		return 1
	}
	if err := serveRPM(args[0], files); err != nil {
		fmt.Fprintln(say, err)
		return 1
	}
	return 0
}

func serveRPM(file string, files bool) error {
	if err := limitMemory(); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(rpmDescriptor, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return errors.New("descriptor 3 is no pipe: this is for the program itself to call")
	}
	out := os.NewFile(rpmDescriptor, "packages") // stays open to the end: endUnread looks at it
	go endUnread(out)
	w := bufio.NewWriterSize(out, 64<<10)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	var failed error
	err := readRPM(context.Background(), file, files, func(p RPMPackage) {
		if failed == nil {
			failed = enc.Encode(p)
		}
	})
	return errors.Join(err, failed, w.Flush())
}

// limitMemory bounds what this process gets beyond what the runtime has already. Not RLIMIT_AS: Go reserves address space
// that it may never use. RLIMIT_DATA counts what can be written to, and going over it ends a Go process with "out of
// memory".
func limitMemory() error {
	var have unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &have); err != nil {
		return fmt.Errorf("ask for the limit of memory: %w", err)
	}
	var ignored, pages uint64
	b, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(b), &ignored, &ignored, &ignored, &ignored, &ignored, &pages)
	}
	if err != nil {
		return fmt.Errorf("ask how much memory there is already: %w", err)
	}
	most := min(pages*uint64(os.Getpagesize())+limitRPMMemory, have.Cur, have.Max)
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: most, Max: most}); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	debug.SetMemoryLimit(limitRPMMemory / 4 * 3) // near the limit, rather collect garbage than end
	return nil
}

// endUnread ends the process when nobody can read its answer any more, as when the parent was killed. A library in an
// endless loop would never find out.
func endUnread(out *os.File) {
	for {
		// Without events to wait for, the end of the reader is all that poll tells.
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(out.Fd())}}, -1)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			os.Exit(1)
		}
	}
}
