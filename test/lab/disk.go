package lab

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// SmallDisk mounts a file system of so many bytes on dir, to be filled. It needs root.
func SmallDisk(dir string, size int64) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("small disk: %w", err)
	}
	if err := unix.Mount("bulkhead-test", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return fmt.Errorf("mount a small disk on %s: %w", dir, err)
	}
	return nil
}

// UnmountDisk takes the small disk away.
func UnmountDisk(dir string) error {
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// Fill writes a file until its disk is full. It refuses to go on where that is no small disk.
func Fill(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for written := 0; written < 1<<30; {
		n, err := f.Write(block)
		written += n
		switch {
		case errors.Is(err, unix.ENOSPC) && len(block) > 1:
			block = block[:len(block)/2] // to the last byte
		case errors.Is(err, unix.ENOSPC):
			return nil
		case err != nil:
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return fmt.Errorf("%s took a gigabyte: this is no small disk", path)
}
