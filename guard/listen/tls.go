package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// TLS is the guard's port.
type TLS struct {
	Listen           string // host:port; empty means none
	Certificate, Key string // PEM files
	// ClientCA has the CAs of client certificates; empty takes no certificate, and callers show tokens.
	ClientCA string
}

// keys are what connections are made with; they can be read again.
type keys struct {
	o       TLS
	current atomic.Pointer[tls.Config]
}

func (s *Server) openTLS() error {
	l := s.o.Activated.tcp
	if l == nil && s.o.TLS.Listen == "" {
		return nil
	}
	k := &keys{o: s.o.TLS}
	if err := k.load(); err != nil {
		return errors.Join(err, closeIf(l))
	}
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", s.o.TLS.Listen); err != nil { //nolint:noctx // at start
			return fmt.Errorf("the guard's TLS port (guard.tls.listen): %w", err)
		}
	}
	s.keys = k
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{protocol},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.current.Load(), nil },
	}
	s.doors = append(s.doors, &opened{
		raw: l, serve: func(l net.Listener) net.Listener { return tls.NewListener(&door{l, s.held}, config) }, place: "tcp://" + l.Addr().String(),
	})
	return nil
}

func closeIf(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// protocol is the only one: the engine's API over HTTP/2 goes past what is read here.
const protocol = "http/1.1"

// load reads the files.
func (k *keys) load() error {
	if k.o.Certificate == "" || k.o.Key == "" {
		return errors.New("the guard's TLS port needs guard.tls.certificate and guard.tls.key, files in PEM")
	}
	pair, err := tls.LoadX509KeyPair(k.o.Certificate, k.o.Key)
	if err != nil {
		return fmt.Errorf("the guard's certificate (guard.tls.certificate and key): %w", err)
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{protocol}, Certificates: []tls.Certificate{pair},
		SessionTicketsDisabled: true, // every connection proves its key
	}
	if k.o.ClientCA != "" {
		pem, err := os.ReadFile(k.o.ClientCA)
		if err != nil {
			return fmt.Errorf("the CA of client certificates (guard.tls.client_ca): %w", err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("the CA of client certificates (guard.tls.client_ca): %s has no certificate in PEM", k.o.ClientCA)
		}
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	k.current.Store(c)
	return nil
}
