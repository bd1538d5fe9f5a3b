package agent

import (
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/model"
)

// slowest is how long an answer may take for its time to be worth something.
const slowest = 10 * time.Second

// compareClocks finds out how far the server's clock is from ours. Our clock's own steps are in it, as they should be.
func (a *Agent) compareClocks(sent, received time.Time, server *timestamppb.Timestamp) {
	took := received.Round(0).Sub(sent.Round(0))
	if server == nil || !server.IsValid() || took < 0 || took > slowest {
		return
	}
	skew := server.AsTime().Sub(sent.Round(0).Add(took / 2))
	a.skew.Store(int64(skew))
	if skew.Abs() <= skewLimit {
		a.over("node/clock-skew", "clock")
		return
	}
	a.clockWrong("This machine's clock and the control plane's differ by "+skew.Abs().Round(time.Second).String()+": this machine is "+
		map[bool]string{true: "behind", false: "ahead"}[skew > 0]+".", "本机时钟与控制平面的时钟相差 "+skew.Abs().Round(time.Second).String()+"。")
}

func (a *Agent) clockWrong(en, zh string) {
	a.raise(problem{kind: "node/clock-skew", severity: model.Medium, subject: "clock", en: en, zh: zh})
}

// serverNow is the time by the server's clock, as far as it is known.
func (a *Agent) serverNow() time.Time { return a.now().Add(time.Duration(a.skew.Load())) }

// reached notes whether the server was reached.
func (a *Agent) reached(err error) {
	a.mu.Lock()
	a.status.Server = a.p.Server.Server()
	if err == nil {
		a.status.LastContact, a.status.Error = a.now(), ""
	} else {
		a.status.Error = told(err)
	}
	a.mu.Unlock()
	if errors.Is(err, uplink.ErrClock) {
		a.clockWrong("The control plane's certificate is not valid at this machine's time: its clock is most likely wrong.", "控制平面的证书在本机时间下无效，本机时钟很可能有误。")
	}
}

// told is an error with what to do about it.
func told(err error) string {
	text := err.Error()
	var e *model.Error
	if errors.As(err, &e) && e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}
