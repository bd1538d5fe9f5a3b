package drill

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// factors are the drills of 8.5.d: administrators authenticate with more than a password.
func factors() []Drill {
	meta := func(id, technique, title string) model.Drill {
		return model.Drill{
			ID: "8.5.d/" + id, Requirement: "8.5.d", Threats: []string{"7.6.a", "7.6.b"}, Technique: technique, Title: title, Needs: []string{},
		}
	}
	return []Drill{
		{
			Drill:   meta("password-only", "T1078", "Whoever knows the administrator's password makes a tenant"),
			Control: ControlSecondFactor, Action: "TenantCreate", Attack: passwordOnly,
		},
		{
			Drill:   meta("replayed-code", "T1111", "A code that was seen once is shown again, within its time"),
			Control: ControlReplay, Action: "SignInFactor", Attack: replayCode,
		},
		{
			Drill:   meta("downgraded-factor", "T1556.006", "The administrator's code stands in for the passkey that is demanded"),
			Control: ControlPhishingResistant, Action: "TenantCreate", Attack: downgradeFactor,
		},
		{
			Drill:   meta("no-step-up", "T1563", "A session that was left open deletes a tenant"),
			Control: ControlStepUp, Action: "TenantDelete", Attack: withoutStepUp,
		},
		{
			Drill:   meta("factor-of-a-thief", "T1098.005", "A session that was stolen registers a factor of the thief's, and deletes a tenant with it"),
			Control: ControlStepUp, Action: "FactorRegister", Attack: factorOfAThief,
		},
	}
}

func passwordOnly(ctx context.Context, w *World) (bool, error) {
	thief, err := w.signIn(ctx, w.admin)
	if err != nil {
		return false, err
	}
	_, err = w.tenants(thief).CreateTenant(ctx, &bulkheadv1.CreateTenantRequest{Tenant: &bulkheadv1.Tenant{Id: "loot"}})
	return refused(err, model.CodeFactorRequired)
}

func replayCode(ctx context.Context, w *World) (bool, error) {
	victim, err := w.signIn(ctx, w.admin)
	if err != nil {
		return false, err
	}
	code, err := w.code(victim)
	if err != nil {
		return false, err
	}
	if err := w.showCode(ctx, victim, code); err != nil {
		return false, fmt.Errorf("show a code for the first time: %w", err)
	}
	w.admin.step = victim.step
	thief, err := w.signIn(ctx, w.admin)
	if err != nil {
		return false, err
	}
	return refused(w.showCode(ctx, thief, code), model.CodeUnauthenticated)
}

func downgradeFactor(ctx context.Context, w *World) (bool, error) {
	w.plane.DemandPhishingResistant()
	_, err := w.tenants(w.admin).CreateTenant(ctx, &bulkheadv1.CreateTenantRequest{Tenant: &bulkheadv1.Tenant{Id: "loot"}})
	return refused(err, model.CodeFactorRequired)
}

func withoutStepUp(ctx context.Context, w *World) (bool, error) {
	w.plane.Advance(15 * time.Minute)
	_, err := w.tenants(w.admin).DeleteTenant(ctx, &bulkheadv1.Id{Id: other})
	return refused(err, model.CodeStepUpRequired)
}

func factorOfAThief(ctx context.Context, w *World) (bool, error) {
	w.plane.Advance(15 * time.Minute)
	thief := *w.admin
	if err := w.register(ctx, &thief); err != nil {
		return refused(err, model.CodeStepUpRequired)
	}
	_, err := w.tenants(&thief).DeleteTenant(ctx, &bulkheadv1.Id{Id: other})
	return refused(err, model.CodeStepUpRequired)
}

func tenantsAt(c *http.Client, url string) bulkheadv1connect.TenantServiceClient {
	return bulkheadv1connect.NewTenantServiceClient(c, url)
}
