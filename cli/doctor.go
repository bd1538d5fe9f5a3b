package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/control/store"
)

// Free space below which the doctor says so.
const (
	leastFree      = 1 << 30
	leastFreeParts = 20 // one of so many parts
)

func (a *App) doctorCommand() *cobra.Command {
	return a.keeperFlags(&cobra.Command{
		Use:   "doctor",
		Short: "Look whether the server's database, files and disk are sound",
		Long: `Looks at the server's data on this machine: who may read the files, how much space is left, whether the database
answers, is whole and has the schema of this version, and whether the audit log can be read. It changes nothing, and the
server may run meanwhile. Exit code 2 when something is wrong.`,
		Example: `  bulkhead doctor
  bulkhead doctor --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context()) },
	})
}

// diagnosis is the doctor's answer as JSON.
type diagnosis struct {
	Schema   string          `json:"schema"`
	OK       bool            `json:"ok"`
	Findings []store.Finding `json:"findings"`
}

func (a *App) doctor(ctx context.Context) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	dir := a.cfg.Server.Dir(a.Environ)
	d := diagnosis{Schema: "bulkhead.doctor/v1", OK: true, Findings: []store.Finding{
		checkPrivate("data directory", dir, true),
		checkPrivate("master key", a.cfg.Server.MasterKey(a.Environ), false),
	}}
	if a.cfg.Server.Database == "" {
		d.Findings = append(d.Findings, checkPrivate("database file", filepath.Join(dir, store.FileName), false))
	}
	d.Findings = append(d.Findings, checkSpace(dir), checkAudit(filepath.Join(dir, "audit")))
	d.Findings = append(d.Findings, a.checkDatabase(ctx)...)
	wrong := 0
	for _, f := range d.Findings {
		if !f.OK {
			wrong++
		}
	}
	d.OK = wrong == 0
	if format == "json" {
		err = a.printJSON(d)
	} else {
		a.printDiagnosis(d)
	}
	if err == nil && wrong > 0 {
		return errNo{fmt.Sprintf("%d of %d checks found something wrong", wrong, len(d.Findings))}
	}
	return err
}

func (a *App) printDiagnosis(d diagnosis) {
	for _, f := range d.Findings {
		mark := "ok   "
		if !f.OK {
			mark = "WRONG"
		}
		fmt.Fprintf(a.Out, "%s  %-15s %s\n", mark, f.Check, plain(f.Detail))
		if !f.OK && f.Remedy != "" {
			fmt.Fprintf(a.Out, "       %-15s %s\n", "", f.Remedy)
		}
	}
}

func (a *App) checkDatabase(ctx context.Context) []store.Finding {
	db, _, err := a.openDatabase(ctx, true)
	if err != nil {
		return []store.Finding{{Check: "database", Detail: err.Error()}}
	}
	defer func() { _ = db.Close() }() // nothing was written
	return db.Doctor(ctx)
}

// checkPrivate looks whether a file or directory is there, is ours or root's, and nobody else may read it.
func checkPrivate(check, path string, dir bool) store.Finding {
	fi, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return store.Finding{Check: check, Detail: path + " is not there", Remedy: "Start the server once, or restore a backup."}
	}
	if err != nil {
		return store.Finding{Check: check, Detail: err.Error(), Remedy: "Run as the server's user."}
	}
	if fi.IsDir() != dir {
		return store.Finding{Check: check, Detail: path + " is of the wrong kind", Remedy: "Move it away."}
	}
	if p := fi.Mode().Perm(); p&0o077 != 0 {
		return store.Finding{
			Check: check, Detail: fmt.Sprintf("%s has mode %#o: others may reach it", path, p), Remedy: "chmod go= " + path,
		}
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && os.Geteuid() != 0 && int(st.Uid) != os.Geteuid() {
		return store.Finding{Check: check, Detail: fmt.Sprintf("%s belongs to the user %d", path, st.Uid), Remedy: "Run as the server's user."}
	}
	return store.Finding{Check: check, OK: true, Detail: path}
}

func checkSpace(dir string) store.Finding {
	const check = "disk"
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return store.Finding{Check: check, Detail: fmt.Sprintf("%s: %v", dir, err)}
	}
	size := uint64(max(st.Bsize, 0))
	free, all := st.Bavail*size, st.Blocks*size
	detail := fmt.Sprintf("%.1f of %.1f GiB are free", float64(free)/(1<<30), float64(all)/(1<<30))
	if free < leastFree || free < all/leastFreeParts {
		return store.Finding{
			Check: check, Detail: detail,
			Remedy: "Free space or make the disk larger: changes are refused when neither record nor database can be written.",
		}
	}
	return store.Finding{Check: check, OK: true, Detail: detail}
}

// checkAudit looks whether every file of the log can be read; `bulkhead audit verify` looks whether they are true.
func checkAudit(dir string) store.Finding {
	const check = "audit log"
	f := checkPrivate(check, dir, true)
	if !f.OK {
		return f
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return store.Finding{Check: check, Detail: err.Error(), Remedy: "Give the files back to the server's user."}
	}
	defer root.Close()
	n := 0
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		file, err := root.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		n++
		return file.Close()
	})
	if err != nil {
		return store.Finding{Check: check, Detail: err.Error(), Remedy: "Give the files back to the server's user."}
	}
	return store.Finding{Check: check, OK: true, Detail: fmt.Sprintf("%d files in %s can be read", n, dir)}
}
