package images

import (
	"encoding/json"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

var (
	bucketIDs   = []byte("ids")   // id → []Holder
	bucketNames = []byte("names") // reference → Holder, of names that were given here and not at a registry
)

// mostHolders are those of one image that are remembered.
const mostHolders = 1000

// steps gives the caller what a build left behind on its way: also one that failed, and whose steps nobody names.
func (m *Making) steps(tx *bbolt.Tx, built map[string]string) error {
	if m.said.action != "ImageBuild" {
		return nil
	}
	for id, by := range built {
		if by != m.built || m.before[id] != "" {
			continue
		}
		if err := hold(tx, id, m.holder); err != nil {
			return err
		}
	}
	return nil
}

// keep gives an image, and a name that was given here, to the caller. A name that is another's stays so: the judge let the call be made
// for names that were nobody's or the caller's own, and who came first has it.
func (m *Making) keep(tx *bbolt.Tx, name, id string) error {
	// What was there already and nobody's stays the host's: a tag, or a build that adds nothing, takes no image from the others.
	theHosts := m.before[id] != "" && tx.Bucket(bucketIDs).Get([]byte(id)) == nil
	if theHosts { // unless another call may have brought it
		list, err := expected(tx)
		if err != nil {
			return err
		}
		of, err := claims(tx, list, name, id)
		if err != nil {
			return err
		}
		theHosts = len(of) == 0
	}
	if m.said.action != "ImageTag" && !theHosts {
		if err := hold(tx, id, m.holder); err != nil {
			return err
		}
	}
	if !m.given || name == id {
		return nil
	}
	names := tx.Bucket(bucketNames)
	if text := names.Get([]byte(name)); text != nil {
		return nil // whoever has it keeps it
	}
	return put(names, name, m.holder)
}

func hold(tx *bbolt.Tx, id string, h Holder) error {
	b := tx.Bucket(bucketIDs)
	var list []Holder
	if text := b.Get([]byte(id)); text != nil {
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("whom image %s belongs to: %w", id, err)
		}
	}
	if slices.Contains(list, h) || len(list) >= mostHolders {
		return nil
	}
	return put(b, id, append(list, h))
}

func put(b *bbolt.Bucket, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), text)
}

// forget drops what is not there any more.
func forget(tx *bbolt.Tx, now map[string]string) error {
	for _, bucket := range [][]byte{bucketIDs, bucketNames} {
		b := tx.Bucket(bucket)
		var gone [][]byte
		err := b.ForEach(func(k, _ []byte) error {
			if _, there := now[string(k)]; !there {
				gone = append(gone, slices.Clone(k))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, k := range gone {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
	}
	return nil
}
