package server

import (
	"crypto/tls"
	"net/http"
)

// shown marks a session in whose handshake a client certificate was shown.
const shown = "bulkhead client certificate"

// askForCertificates has the handshake ask for a client certificate. It proves that the client has its key and nothing more: an
// ended one must come through, so that its node can renew it, and whoever takes certificates at all verifies them. The CA is
// named as the only one that is taken, so that browsers have none to offer and ask nobody.
//
// crypto/tls would give a resumed session the certificate of the session before, without asking for its key again. Sessions
// with a certificate are not resumed: each connection proves the key.
func askForCertificates(c *tls.Config, o *Options) {
	if o.WithCertificate == nil {
		return
	}
	c.ClientAuth, c.ClientCAs = tls.RequestClientCert, o.ClientCAs
	tickets := &tls.Config{MinVersion: tls.VersionTLS13} // has the keys of the tickets, which change by themselves
	c.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		if len(cs.PeerCertificates) > 0 {
			ss.Extra = append(ss.Extra, []byte(shown))
		}
		return tickets.EncryptTicket(cs, ss)
	}
	c.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		ss, err := tickets.DecryptTicket(identity, cs)
		if err != nil || ss == nil {
			return nil, err
		}
		for _, e := range ss.Extra {
			if string(e) == shown {
				return nil, nil //nolint:nilnil // a whole handshake
			}
		}
		return ss, nil
	}
}

// certified puts the certificate that was shown into the request's context, as it was sent.
func (s *Server) certified(r *http.Request) *http.Request {
	if s.o.WithCertificate != nil && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.WithContext(s.o.WithCertificate(r.Context(), r.TLS.PeerCertificates[0].Raw))
	}
	return r
}
