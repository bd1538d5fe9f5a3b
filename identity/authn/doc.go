// Package authn establishes who is calling and how strongly that was shown: enrolment, passwords, second factors, sessions,
// API tokens, the device flow and sign-in at OIDC providers, and nodes by their certificates. It decides nothing about rights
// (identity/authz does), knows no HTTP beyond what OIDC needs, and gives no answer to a sign-in before its record is in the
// audit log.
package authn
