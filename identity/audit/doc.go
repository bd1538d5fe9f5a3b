// Package audit keeps the audit log: a Merkle tree on disk (tessera), one per replica or node, whose entries are OCSF
// events and whose checkpoints are signed. It appends, reads, proves and verifies; it decides nothing, and it never drops
// a record without saying so. Searching is the store's business and sending records elsewhere that of audit/export.
package audit
