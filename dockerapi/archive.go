package dockerapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"
)

// maxStatHeader is more than the longest path of Linux, encoded twice.
const maxStatHeader = 32 << 10

// PathStat is a file in a container.
type PathStat struct {
	Name       string      `json:"name"` // the last part of the path
	Size       int64       `json:"size"` // bytes
	Mode       fs.FileMode `json:"mode"` // Go's own bits, which is what the engine sends
	ModTime    time.Time   `json:"mtime"`
	LinkTarget string      `json:"linkTarget"` // of a symbolic link; absolute, within the container
}

// parsePathStat reads the header X-Docker-Container-Path-Stat.
func parsePathStat(header string) (PathStat, error) {
	var stat PathStat
	if header == "" || len(header) > maxStatHeader {
		return stat, fmt.Errorf("read the file's state: a header of %d bytes", len(header))
	}
	decoded, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		return stat, fmt.Errorf("read the file's state: %w", err)
	}
	if err := json.Unmarshal(decoded, &stat); err != nil {
		return stat, fmt.Errorf("read the file's state: %w", err)
	}
	return stat, nil
}

// archiveRequest is a request about a path in a container.
func archiveRequest(op, method, id, path string) (request, error) {
	r, err := containerRequest(op, method, id, "/archive")
	if err != nil {
		return r, err
	}
	if path == "" {
		return r, r.invalid(ErrEmptyID)
	}
	r.query = url.Values{"path": {path}}
	return r, nil
}

// ContainerArchiveInfo looks at a path in a container, which need not run. A relative path begins at the root. Content
// of a tmpfs is not seen. Since API 1.20. Errors: 404 for the container and for the path.
func (c *Client) ContainerArchiveInfo(ctx context.Context, id, path string) (PathStat, error) {
	r, err := archiveRequest("ContainerArchiveInfo", http.MethodHead, id, path)
	if err != nil {
		return PathStat{}, err
	}
	resp, err := c.send(ctx, r)
	if err != nil {
		return PathStat{}, err
	}
	defer closeBody(resp.Body)
	return statOf(r, resp)
}

func statOf(r request, resp *http.Response) (PathStat, error) {
	stat, err := parsePathStat(resp.Header.Get("X-Docker-Container-Path-Stat"))
	if err != nil {
		e := r.newError()
		e.StatusCode, e.Err = resp.StatusCode, err
		return stat, e
	}
	return stat, nil
}

// ContainerArchive reads a file or a directory as a tar, whose root is the last part of the path. The caller reads it
// to its end, or closes it. A tar that breaks off is an [*Error] of Read, or a tar without its end: look for both.
// Since API 1.20. Errors: 404 for the container and for the path.
func (c *Client) ContainerArchive(ctx context.Context, id, path string) (io.ReadCloser, PathStat, error) {
	r, err := archiveRequest("ContainerArchive", http.MethodGet, id, path)
	if err != nil {
		return nil, PathStat{}, err
	}
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, PathStat{}, err
	}
	stat, err := statOf(r, resp)
	if err != nil {
		_ = resp.Body.Close()
		return nil, PathStat{}, err
	}
	return newBodyStream(ctx, r, resp.Body), stat, nil
}

// PutArchiveOptions tell how a tar is unpacked.
type PutArchiveOptions struct {
	NoOverwriteDirNonDir bool // it is an error when a file would replace a directory, or the other way round
	CopyUIDGID           bool `since:"1.30"` // keep the owners of the tar, else root owns what is new
}

// PutContainerArchive unpacks a tar (it may be compressed with gzip, bzip2 or xz) into a directory of a container that
// need not run: files are there before the start. The directory must exist. Since API 1.20.
//
// Errors: 400 when the path is no directory, 404 (podman takes a path that does not exist for success), 500 when the
// root is read-only (the documents say 403, Docker 20.10 and 26 do not; podman writes all the same).
func (c *Client) PutContainerArchive(ctx context.Context, id, path string, tar io.Reader, opts PutArchiveOptions) error {
	r, err := archiveRequest("PutContainerArchive", http.MethodPut, id, path)
	if err != nil {
		return err
	}
	if err := c.require(ctx, r, opts); err != nil {
		return err
	}
	setTrue(r.query, "noOverwriteDirNonDir", opts.NoOverwriteDirNonDir)
	setTrue(r.query, "copyUIDGID", opts.CopyUIDGID)
	r.header = http.Header{"Content-Type": {"application/x-tar"}}
	r.body = tar
	return c.call(ctx, r, nil)
}
