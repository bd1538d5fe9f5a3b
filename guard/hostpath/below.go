package hostpath

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// Below says whether something else is mounted below a path. Where that can't be seen, it is.
func (p Paths) Below(path string) bool {
	mounts := p.Mounts
	if mounts == nil {
		mounts = mounted
	}
	list, err := mounts()
	if err != nil {
		return true
	}
	dir := strings.TrimSuffix(path, "/") + "/"
	return slices.ContainsFunc(list, func(at string) bool { return strings.HasPrefix(at, dir) && at != dir })
}

// mounted are the places of mounts as the host's first process and this one see them: a service may have mounts of its own.
func mounted() ([]string, error) {
	var list []string
	for _, file := range []string{"/proc/1/mountinfo", "/proc/self/mountinfo"} {
		f, err := os.Open(file)
		if err != nil {
			if file == "/proc/1/mountinfo" {
				continue // another's, for whom is not root
			}
			return nil, fmt.Errorf("what is mounted: %w", err)
		}
		all, err := mountinfo.GetMountsFromReader(f, nil)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, fmt.Errorf("what is mounted: %w", err)
		}
		for _, m := range all {
			list = append(list, m.Mountpoint)
		}
	}
	return list, nil
}
