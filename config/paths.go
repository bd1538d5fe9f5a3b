package config

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Dir is where the server keeps its data: data_dir, or /var/lib/bulkhead for root and $XDG_DATA_HOME/bulkhead (or
// ~/.local/share/bulkhead) for others.
func (s *Server) Dir(environ []string) string { return dataDir(s.DataDir, "bulkhead", environ) }

// Dir is where the agent keeps its data: data_dir, or /var/lib/bulkhead-agent for root and the same place as the server's for others.
func (a *Agent) Dir(environ []string) string { return dataDir(a.DataDir, "bulkhead-agent", environ) }

func dataDir(given, name string, environ []string) string {
	if given != "" {
		return given
	}
	if os.Geteuid() == 0 {
		return filepath.Join("/var/lib", name)
	}
	var home, data string
	for _, kv := range environ {
		switch name, value, _ := strings.Cut(kv, "="); name {
		case "HOME":
			home = value
		case "XDG_DATA_HOME":
			data = value
		}
	}
	if !filepath.IsAbs(data) { // as the XDG base directory specification says
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, name)
}

// MasterKey is the file of the master key.
func (s *Server) MasterKey(environ []string) string {
	if s.MasterKeyFile != "" {
		return s.MasterKeyFile
	}
	return filepath.Join(s.Dir(environ), "master.key")
}

// Socket is the admin socket.
func (s *Server) Socket(environ []string) string {
	if s.AdminSocket != "" {
		return s.AdminSocket
	}
	return filepath.Join(s.Dir(environ), "admin.sock")
}

const maxPassword = 4096 // bytes of the file

// DatabaseURL is the URL of PostgreSQL with the password of its file, or empty for SQLite. It must not be logged.
func (s *Server) DatabaseURL() (string, error) {
	if s.Database == "" || s.DatabasePasswordFile == "" {
		return s.Database, nil
	}
	u, err := url.Parse(s.Database)
	if err != nil {
		return "", errors.New("server.database is no valid URL") // the error would show what may be a password
	}
	f, err := os.Open(s.DatabasePasswordFile)
	if err != nil {
		return "", fmt.Errorf("server.database_password_file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassword))
	if err != nil {
		return "", fmt.Errorf("server.database_password_file: %w", err)
	}
	u.User = url.UserPassword(u.User.Username(), strings.TrimRight(string(b), "\r\n"))
	return u.String(), nil
}
