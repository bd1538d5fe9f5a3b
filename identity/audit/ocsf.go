package audit

import (
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Version of OCSF that the events keep to. docs/audit.md has the mapping.
const ocsfVersion = "1.6.0"

// The classes that are used: Identity & Access Management has category 3, Application Activity 6.
const (
	classAccountChange  = 3001
	classAuthentication = 3002
	classAPIActivity    = 6003
)

const activityOther = 99

// event is an OCSF event. Fields without a place in OCSF are in unmapped, as OCSF wants it.
type event struct {
	ActivityID  int          `json:"activity_id"`
	Actor       ocsfActor    `json:"actor"`
	API         *ocsfAPI     `json:"api,omitempty"`
	CategoryUID int          `json:"category_uid"`
	ClassUID    int          `json:"class_uid"`
	HTTPRequest *ocsfHTTP    `json:"http_request,omitempty"`
	IsMFA       *bool        `json:"is_mfa,omitempty"`
	Metadata    ocsfMetadata `json:"metadata"`
	Resources   []ocsfObject `json:"resources,omitempty"`
	Service     *ocsfNamed   `json:"service,omitempty"`
	SeverityID  int          `json:"severity_id"`
	SrcEndpoint ocsfEndpoint `json:"src_endpoint"`
	StatusCode  string       `json:"status_code"` // the outcome
	Detail      string       `json:"status_detail,omitempty"`
	StatusID    int          `json:"status_id"`
	Time        int64        `json:"time"` // milliseconds
	TypeUID     int          `json:"type_uid"`
	Unmapped    ocsfUnmapped `json:"unmapped"`
	User        *ocsfUser    `json:"user,omitempty"`
}

type ocsfActor struct {
	Authorizations []ocsfAuthorization `json:"authorizations,omitempty"`
	Session        *ocsfSession        `json:"session,omitempty"`
	User           ocsfUser            `json:"user"`
}

type ocsfAuthorization struct {
	Decision string     `json:"decision"`
	Policy   ocsfObject `json:"policy"`
}

type ocsfSession struct {
	UID string `json:"uid"`
}

type ocsfUser struct {
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"`
	TypeID int    `json:"type_id"`
	UID    string `json:"uid,omitempty"`
}

type ocsfAPI struct {
	Operation string    `json:"operation"`
	Service   ocsfNamed `json:"service"`
}

type ocsfNamed struct {
	Name string `json:"name"`
}

type ocsfHTTP struct {
	UserAgent string `json:"user_agent"`
}

type ocsfObject struct {
	Type string `json:"type,omitempty"`
	UID  string `json:"uid"`
}

type ocsfEndpoint struct {
	IP   string `json:"ip,omitempty"`
	Name string `json:"name,omitempty"`
}

type ocsfMetadata struct {
	CorrelationUID string      `json:"correlation_uid,omitempty"`
	EventCode      string      `json:"event_code"`
	OriginalTime   string      `json:"original_time"` // RFC 3339 with nanoseconds
	Product        ocsfProduct `json:"product"`
	TenantUID      string      `json:"tenant_uid,omitempty"`
	UID            string      `json:"uid"`
	Version        string      `json:"version"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type ocsfUnmapped struct {
	AMR     []string          `json:"amr,omitempty"`
	Changes map[string]string `json:"changes,omitempty"`
	Digest  string            `json:"digest,omitempty"`
	// PolicySets are the versions of custom policies that could decide it, by tenant; PolicyVersion is the digest of all.
	PolicySets    map[string]int64 `json:"policy_sets,omitempty"`
	PolicyVersion string           `json:"policy_version,omitempty"`
	Request       *model.Request   `json:"request,omitempty"`
	// RequestDigest stands for a request that was too big for an entry.
	RequestDigest string `json:"request_digest,omitempty"`
}

// classify says which OCSF class and activity an action is.
func classify(action string) (class, activity int) {
	switch action {
	case "SignIn", "SessionCreate", "SessionStepUp", "DeviceDecide":
		return classAuthentication, 1 // Logon
	case "SignOut", "SessionRevoke", "UserSessionsRevoke":
		return classAuthentication, 2 // Logoff
	case "PasswordChange":
		return classAccountChange, 3
	case "PasswordReset", "UserInvite":
		return classAccountChange, 4
	case "FactorRegister":
		return classAccountChange, 10
	case "FactorDelete":
		return classAccountChange, 11
	case "UserCreate":
		return classAccountChange, 1
	case "UserDelete":
		return classAccountChange, 6
	case "UserUpdate":
		return classAccountChange, activityOther
	}
	return classAPIActivity, apiActivity(action)
}

var apiVerbs = []struct {
	suffix   string
	activity int
}{
	{"Create", 1},
	{"Publish", 1},
	{"Request", 1},
	{"Run", 1},
	{"Push", 1},
	{"Read", 2},
	{"List", 2},
	{"Export", 2},
	{"Verify", 2},
	{"Watch", 2},
	{"Explain", 2},
	{"Preview", 2},
	{"Pull", 2},
	{"Update", 3},
	{"Apply", 3},
	{"Decide", 3},
	{"Cancel", 3},
	{"Delete", 4},
	{"Revoke", 4},
	{"Remove", 4},
	{"Withdraw", 4},
}

func apiActivity(action string) int {
	for _, v := range apiVerbs {
		if strings.HasSuffix(action, v.suffix) {
			return v.activity
		}
	}
	return activityOther
}
