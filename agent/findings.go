package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/agent/spool"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// problem is something that the agent itself finds wrong.
type problem struct {
	kind     string
	severity model.Severity
	subject  string
	en, zh   string
}

// againAfter is how long the same problem is only counted before it is told again.
const againAfter = time.Minute

// findingID is the same for the same problem, so that it is one finding however often it is seen.
func findingID(kind, subject string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + subject))
	return hex.EncodeToString(sum[:16])
}

// raise puts a problem into the spool, and has it reported at once.
func (a *Agent) raise(p problem) {
	a.mu.Lock()
	id, now := findingID(p.kind, p.subject), a.now()
	f, known := a.open[id]
	if !known {
		f = model.Finding{ID: id, Kind: p.kind, Subject: p.subject, Severity: p.severity, First: now, Source: model.SourceNode}
	}
	f.Count++
	text := model.Text{EN: p.en, ZH: p.zh}
	quiet := known && f.Text == text && now.Sub(f.Last) < againAfter
	if !quiet {
		f.Last, f.Text = now, text
	}
	a.open[id] = f
	a.mu.Unlock()
	if quiet {
		return
	}
	a.slog.Warn("found", "kind", p.kind, "subject", p.subject, "text", p.en)
	a.keep(f)
}

// over says that a problem is gone, where there was one.
func (a *Agent) over(kind, subject string) {
	a.mu.Lock()
	id := findingID(kind, subject)
	f, known := a.open[id]
	delete(a.open, id)
	a.mu.Unlock()
	if !known {
		return
	}
	f.Last = a.now()
	f.Over = f.Last
	a.keep(f)
}

// Found takes a finding of another part of the agent. When it returns nil, the finding is on disk and will reach the server, unless
// so many come that it is dropped and counted.
func (a *Agent) Found(f model.Finding) error {
	err := a.p.Spool.Add(f)
	a.soon()
	return err
}

func (a *Agent) keep(f model.Finding) { a.spooled(a.Found(f)) }

// spooled logs what the spool could not do; checkSpool tells of it.
func (a *Agent) spooled(err error) {
	var not *spool.NotKept
	if err != nil && !errors.As(err, &not) {
		a.slog.Error("spool", "error", err)
	}
}

// checkSpool makes a finding of a spool that can't be written.
func (a *Agent) checkSpool() {
	err := a.p.Spool.State().Err
	if err == nil {
		a.over("node/spool-unwritable", "spool")
		return
	}
	a.raise(problem{
		kind: "node/spool-unwritable", severity: model.Medium, subject: "spool",
		en: "The agent's spool can't be written: " + err.Error() + ". It goes on in memory; what waits there would not outlive a restart.",
		zh: "代理的暂存文件无法写入（" + err.Error() + "）。代理继续在内存中工作，重启后等待的内容将丢失。",
	})
}

// wireFinding is a finding as the server takes it.
func wireFinding(f *model.Finding) *bulkheadv1.ReportedFinding {
	return &bulkheadv1.ReportedFinding{
		Id: clip(f.ID, 64), Kind: f.Kind, Requirement: clip(f.Requirement, 20), Severity: string(f.Severity), Subject: clip(f.Subject, 400),
		Text: clip(f.Text.EN, 2000), TextZh: clip(f.Text.ZH, 2000), First: timestamppb.New(f.First), Last: timestamppb.New(f.Last),
		Count: max(f.Count, 1), Over: !f.Over.IsZero(),
	}
}

// clip cuts a text to so many characters, and to what can be sent.
func clip(s string, most int) string {
	s = strings.ToValidUTF8(s, "�")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
