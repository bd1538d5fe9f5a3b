package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/framework/report"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) downloadReportCommand() *cobra.Command {
	req := &bulkheadv1.DownloadReportRequest{}
	var file string
	cmd := verb("download ID", "Write a report as JSON, OSCAL or HTML, after holding it to its signature", 1, func(ctx context.Context, args []string) error {
		req.Id, req.Language = args[0], a.cfg.Lang
		return a.downloadReport(ctx, req, file)
	})
	cmd.Flags().StringVar(&req.Format, "format", "json", "`format`: json, oscal or html (in the language of --lang)")
	cmd.Flags().StringVar(&file, "file", "", "write to `file`, readable by you alone (default: standard output)")
	complete(cmd, "format", "json", "oscal", "html")
	return cmd
}

func (a *App) downloadReport(ctx context.Context, req *bulkheadv1.DownloadReportRequest, file string) error {
	c, err := a.reportClient(ctx)
	if err != nil {
		return err
	}
	r, err := c.GetReport(ctx, &bulkheadv1.Id{Id: req.GetId()})
	if err != nil {
		return remoteError(err)
	}
	stream, err := c.DownloadReport(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	defer func() { _ = stream.Close() }() // it was read to its end, or ctx is over
	write := func(w io.Writer) error {
		h := sha256.New()
		for stream.Receive() {
			_, _ = h.Write(stream.Msg().GetData()) // never fails
			if _, err := w.Write(stream.Msg().GetData()); err != nil {
				return err
			}
		}
		if err := stream.Err(); err != nil {
			return remoteError(err)
		}
		_, err := signedFile(r, hex.EncodeToString(h.Sum(nil)))
		return err
	}
	if file == "" {
		return write(a.Out)
	}
	if err := toFile(file, write); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "bulkhead: wrote %s; it is as it was signed\n", file)
	return nil
}

func (a *App) verifyReportCommand() *cobra.Command {
	cmd := verb("verify ID FILE", "Say whether a file is a report as it was signed; exit 2 where it is not", 2, func(ctx context.Context, args []string) error {
		c, err := a.reportClient(ctx)
		if err != nil {
			return err
		}
		r, err := c.GetReport(ctx, &bulkheadv1.Id{Id: args[0]})
		if err != nil {
			return remoteError(err)
		}
		f, err := os.Open(args[1])
		if err != nil {
			return fmt.Errorf("read the report: %w", err)
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return fmt.Errorf("read the report: %w", err)
		}
		name, err := signedFile(r, hex.EncodeToString(h.Sum(nil)))
		if err != nil {
			return errNo{err.Error()}
		}
		fmt.Fprintf(a.Out, "%s is the report %s as %s, as it was signed by %s\n", args[1], r.GetId(), name, plain(strings.SplitN(r.GetKey(), "+", 2)[0]))
		return nil
	})
	cmd.ValidArgsFunction = nil // a file comes second
	return cmd
}

// signedFile is the name of the file of a report with a digest, where the server's signature says so.
func signedFile(r *bulkheadv1.Report, digest string) (string, error) {
	if r.GetSignature() == "" {
		return "", errors.New("the report has no signature: it is not ready")
	}
	v, err := note.NewVerifier(r.GetKey())
	if err != nil {
		return "", fmt.Errorf("the report's key: %w", err)
	}
	n, err := note.Open([]byte(r.GetSignature()), note.VerifierList(v))
	if err != nil {
		return "", fmt.Errorf("the report's signature is not good: %w", err)
	}
	name, ok := report.InManifest(n.Text, r.GetId(), digest)
	if !ok {
		return "", fmt.Errorf("the file is not what was signed: it was changed, or it is another report than %s", plain(r.GetId()))
	}
	return name, nil
}
