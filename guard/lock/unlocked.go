package lock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/whole"
)

// unlockedFile says, until the sockets are locked again, who opened them.
const unlockedFile = "unlocked.json"

const unlockedSchema = "bulkhead.unlocked/v1"

// unlocked is what an unlock leaves behind.
type unlocked struct {
	Schema string    `json:"schema"`
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	// Recorded says that it is in the audit log.
	Recorded bool `json:"recorded,omitempty"`
	// Unrecorded is what was before, and is not there.
	Unrecorded []turn `json:"unrecorded,omitempty"`
}

func (l *Lock) unlockedPath() string { return filepath.Join(l.o.StateDir, unlockedFile) }

// loadUnlocked gives nil where nobody unlocked. Only root's word counts.
func (l *Lock) loadUnlocked() (*unlocked, error) {
	path := l.unlockedPath()
	b, err := readOwn(path, mostGuardFile)
	if err != nil {
		return nil, fmt.Errorf("who unlocked: %w", err)
	}
	if b == nil {
		return nil, nil
	}
	u := &unlocked{}
	if err := json.Unmarshal(b, u); err != nil || u.Schema != unlockedSchema {
		return nil, fmt.Errorf("%s is not understood", path)
	}
	return u, nil
}

func (l *Lock) saveUnlocked(u *unlocked) error {
	b, err := json.MarshalIndent(u, "", "  ")
	if err != nil {
		return fmt.Errorf("who unlocked: %w", err)
	}
	return whole.Write(l.unlockedPath(), append(b, '\n'), 0o600)
}

// forgetUnlocked takes away what an unlock left behind, once a lock that followed has it in its own list. What a crash left of it would be
// taken for the next unlock's word.
func (l *Lock) forgetUnlocked(s *state) error {
	if s.Phase == phaseUnlocking {
		return nil // it is this one's
	}
	err := os.Remove(l.unlockedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = whole.Last(l.o.StateDir)
	}
	if err != nil {
		return fmt.Errorf("who unlocked: %w", err)
	}
	return nil
}

// recorded keeps that a turn is in the audit log, unless somebody has locked again meanwhile: then it is in another list.
func (l *Lock) recorded(c turn) (kept bool, err error) {
	release, err := l.hold()
	if err != nil {
		return false, err
	}
	defer release()
	u, err := l.loadUnlocked()
	if err != nil || u == nil || !u.recorded(c) {
		return false, err
	}
	err = l.saveUnlocked(u)
	return err == nil, err
}

// untrusted is what there is to say where who unlocked can't be told.
func untrusted(why error) Problem {
	return Problem{
		Kind: model.FindingUnlocked, Severity: model.High, Subject: "engine", Remedy: remedyLock,
		Text: say("The engines' sockets are not locked, and by whom they were unlocked can't be told: %v", "引擎套接字未锁定，且无法得知由谁解锁：%v", why),
	}
}

// problem is what there is to say of it while it lasts.
func (u *unlocked) problem() Problem {
	at := u.Since.UTC().Format(time.RFC3339)
	return Problem{
		Kind: model.FindingUnlocked, Severity: model.High, Subject: "engine", Remedy: remedyLock,
		Text: say("The engines' sockets were unlocked at %s by %s: whoever reached them before the lock gets past the guard", "引擎套接字于 %s 由 %s 解锁：锁定前可访问它们的账户均可绕过守护进程防护", at, u.By),
	}
}

// half is what there is to say of a lock, or of its end, that was begun and did not end; u is who wants it unlocked, or nil where that is not known.
func (s *state) half(u *unlocked) Problem {
	p := Problem{Kind: model.FindingUnlocked, Severity: model.High, Subject: "engine", Remedy: remedyLock + ", or bulkhead docker unlock: either goes on where it ended"}
	switch {
	case s.Phase == phaseLocking:
		p.Text = say("A lock of the engines' sockets that %s began did not end: some may be open", "%s 开始的引擎套接字锁定未完成：部分套接字可能仍然开放", s.By)
	case u == nil:
		p.Text = say("An unlock of the engines' sockets was begun and did not end: some may be open", "引擎套接字的解锁已开始但未完成：部分套接字可能已开放")
	default:
		p.Text = say("An unlock of the engines' sockets that %s began at %s did not end: some may be open", "%s 于 %s 开始的引擎套接字解锁未完成：部分套接字可能已开放", u.By, u.Since.UTC().Format(time.RFC3339))
	}
	return p
}

// leftBehind is what is not in the audit log where an unlock was begun: its own word has it all, and where it left none, it has not begun.
func (l *Lock) leftBehind(s *state) ([]turn, error) {
	if s.Phase == phaseUnlocking {
		if u, err := l.loadUnlocked(); err != nil || u != nil {
			return l.unlockedBefore()
		}
	}
	return s.lockedBefore(), nil
}

// noLogin is the kernel's word for a process that nobody's login began.
const noLogin = 1<<32 - 1

// Caller says who runs this process: the login that began it, which the kernel keeps and sudo does not change; and what the environment claims,
// which anybody who is root can set.
func Caller(environ func(name string) string) string {
	login := ""
	if b, err := readFile("/proc/self/loginuid", mostProcFile); err == nil {
		if uid, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32); err == nil && uid != noLogin {
			login = userName(int(uid))
		}
	}
	return caller(login, environ("SUDO_USER"))
}

func caller(login, sudo string) string {
	switch {
	case login != "" && sudo != "" && sudo != login:
		return fmt.Sprintf("%s (login), as %s (claimed by SUDO_USER)", login, word(sudo))
	case login != "":
		return login + " (login)"
	case sudo != "":
		return word(sudo) + " (claimed by SUDO_USER)"
	}
	return "root"
}

// word is a name in which only what names of accounts have is left.
func word(s string) string {
	const most = 64
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(`._-@+$\`, r):
			return r
		}
		return '?'
	}, s[:min(len(s), most)])
}
