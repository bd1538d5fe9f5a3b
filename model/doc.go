// Package model holds the nouns of Bulkhead: the Snapshot of a node's facts, the Workload that is judged, the
// Assessment that is shown. They are plain values with a stable JSON form.
//
// It may import the standard library only, reads and writes nothing outside the process, and decides nothing:
// judgement is in framework/assess, collection in host, image, network and orchestrator.
package model
