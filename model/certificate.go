package model

import "time"

// NodeCertificate is what a certificate of the nodes' CA says, once it was verified.
type NodeCertificate struct {
	ID      string // the node's
	Serial  string // in hexadecimal
	KeyHash []byte // SHA-256 of the public key's SPKI
	Ends    time.Time
	Expired bool
}
