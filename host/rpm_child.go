package host

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Limits of what a child may say. The largest real packages have some ten thousand files, a few megabytes of names.
const (
	limitRPMLine     = 16 << 20
	limitRPMPackages = 200_000
	limitRPMFiles    = 5_000_000
)

// RPMChild reads databases of rpm in processes that live for one reading, and so survives everything that the library
// does at damage: panics, memory without bounds, endless loops, goroutines that hold files open.
type RPMChild struct {
	// Program is what is run, and Args its command line: name, the words that lead to ServeRPM. What is to be read
	// follows.
	Program string
	Args    []string
	// Timeout is how long a reading may take.
	Timeout time.Duration
}

// Read is for Options.RPM.
func (c RPMChild) Read(ctx context.Context, file string, files bool, each func(RPMPackage)) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("pipe to the reader of rpm's database: %w: %w", errNotRead, err)
	}
	defer r.Close()
	said := &beginning{}
	cmd := exec.CommandContext(ctx, c.Program)
	cmd.Args = append(cmd.Args[:0], c.Args...)
	if files {
		cmd.Args = append(cmd.Args, rpmFilesFlag)
	}
	cmd.Args = append(cmd.Args, file)
	cmd.Env = []string{} // nil would be ours
	cmd.Stderr = said
	cmd.ExtraFiles = []*os.File{w} // not standard output, where the library prints as well
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.WaitDelay = time.Second
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("start the reader of rpm's database: %w: %w", errNotRead, err)
	}
	bad := parseRPM(r, each)
	late := ctx.Err()
	if bad != nil {
		cancel() // it would write on, and wait for us
	}
	err = cmp.Or(bad, cmd.Wait())
	switch {
	case late != nil:
		return fmt.Errorf("rpm database: the reader was stopped: %w", late)
	case errors.Is(err, errTooLarge):
		return fmt.Errorf("rpm database: %w", err)
	case err != nil:
		return fmt.Errorf("rpm database: %w: %s", errMalformed, said.why(err))
	}
	return nil
}

// parseRPM reads what ServeRPM writes. The child has read foreign bytes, so it is believed no more than they are.
func parseRPM(r io.Reader, each func(RPMPackage)) error {
	lines := bufio.NewScanner(&limited{r: r, left: limitRPM})
	lines.Buffer(nil, limitRPMLine)
	packages, files := 0, 0
	for lines.Scan() {
		var p RPMPackage
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return fmt.Errorf("what its reader says: %w", err)
		}
		packages++
		files += len(p.Files)
		if packages > limitRPMPackages || files > limitRPMFiles {
			return fmt.Errorf("%w of %d packages and %d files", errTooLarge, limitRPMPackages, limitRPMFiles)
		}
		each(p)
	}
	err := lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("one package: %w of %d bytes", errTooLarge, limitRPMLine)
	}
	return err
}

// beginning keeps the beginning of what is written, which is where a Go program says what ended it.
type beginning struct{ b []byte }

func (w *beginning) Write(p []byte) (int, error) {
	w.b = append(w.b, p[:min(len(p), 4096-len(w.b))]...)
	return len(p), nil
}

// why is the first line that the child said before it ended, or how it ended.
func (w *beginning) why(err error) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(w.b), []byte("\n"))
	if len(line) == 0 {
		return err.Error()
	}
	return fmt.Sprintf("%.300s", strings.ToValidUTF8(string(line), "?"))
}
