package lock

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// unixSocket is a line of /proc/net/unix that has a path.
type unixSocket struct {
	inode     uint64
	path      string
	listening bool
}

// Limits of what is read of /proc/net/unix.
const (
	mostUnixSockets = 200_000
	mostUnixLine    = 4096
)

// parseUnix reads /proc/net/unix:
//
//	Num       RefCount Protocol Flags    Type St Inode Path
//	0000...: 00000002 00000000 00010000 0001 01 12345 /run/docker.sock
//
// The kernel writes paths as they were bound, with what is in them. Whoever binds "a\nb" would end a strict reader, and could add lines:
// so a line that is not understood is passed over, and what a line says counts only where the process that holds the inode agrees.
func parseUnix(r io.Reader) []unixSocket {
	var list []unixSocket
	lines := bufio.NewReaderSize(r, mostUnixLine)
	for len(list) < mostUnixSockets {
		b, long, err := lines.ReadLine()
		if err != nil {
			return list
		}
		text := string(b)
		for long && err == nil { // more than any line of the kernel
			text = ""
			_, long, err = lines.ReadLine()
		}
		if s, ok := parseUnixLine(text); ok {
			list = append(list, s)
		}
	}
	return list
}

func parseUnixLine(line string) (unixSocket, bool) {
	f := strings.SplitN(strings.TrimLeft(line, " "), " ", 2)
	if len(f) != 2 || !strings.HasSuffix(f[0], ":") {
		return unixSocket{}, false
	}
	f = strings.Fields(f[1])
	if len(f) < 7 {
		return unixSocket{}, false
	}
	flags, err1 := strconv.ParseUint(f[2], 16, 32)
	inode, err2 := strconv.ParseUint(f[5], 10, 64)
	// The path is all that comes after the inode and one space, spaces in it included.
	_, path, found := strings.Cut(line, " "+f[5]+" ")
	if err1 != nil || err2 != nil || inode == 0 || !found || !strings.HasPrefix(path, "/") {
		return unixSocket{}, false
	}
	const accepting = 1 << 16 // __SO_ACCEPTCON
	return unixSocket{inode: inode, path: path, listening: flags&accepting != 0}, true
}
