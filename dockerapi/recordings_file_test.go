package dockerapi

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
)

func fileRecordings() []recording {
	logs := func(id string) func(context.Context, *Client, func()) (any, error) {
		return func(ctx context.Context, c *Client, _ func()) (any, error) {
			stream, err := c.ContainerLogs(ctx, id, LogsOptions{Stdout: true, Stderr: true})
			if err != nil {
				return nil, err
			}
			defer stream.Close()
			return framesOf(stream)
		}
	}
	stat := func(id, path string) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) (PathStat, error) { return c.ContainerArchiveInfo(ctx, id, path) })
	}
	read := func(id, path string) func(context.Context, *Client, func()) (any, error) {
		return get(func(ctx context.Context, c *Client) ([]byte, error) {
			stream, _, err := c.ContainerArchive(ctx, id, path)
			if err != nil {
				return nil, err
			}
			defer stream.Close()
			return io.ReadAll(stream)
		})
	}
	put := func(id, path string) func(context.Context, *Client, func()) (any, error) {
		content := tarOf(tar.Header{Name: "file", Mode: 0o640}, []byte("hello\n"))
		return just(func(ctx context.Context, c *Client) error {
			return c.PutContainerArchive(ctx, id, path, bytes.NewReader(content), PutArchiveOptions{NoOverwriteDirNonDir: true})
		})
	}
	hasFile := is(func(b []byte) bool {
		r := tar.NewReader(bytes.NewReader(b))
		header, err := r.Next()
		content, _ := io.ReadAll(r)
		return err == nil && header.Name == "file" && string(content) == "hello\n"
	})
	return []recording{
		{name: "ContainerLogs", call: logs("rec-main"), check: outAndErr},
		{name: "ContainerLogs-missing", call: logs("rec-none"), want: "not found"},
		{name: "ContainerLogs-no-driver", call: logs("rec-nolog"), want: "error", podman: "temporary"},
		{name: "PutContainerArchive", call: put("rec-main", "/tmp")},
		{name: "PutContainerArchive-missing", call: put("rec-main", "/no/such/path"), want: "not found", podman: "ok"},
		{name: "PutContainerArchive-no-container", call: put("rec-none", "/tmp"), want: "not found"},
		{name: "PutContainerArchive-read-only", call: put("rec-full", "/"), want: "temporary", podman: "ok"},
		{name: "ContainerArchiveInfo", call: stat("rec-main", "/tmp/file"), check: is(func(s PathStat) bool {
			return s.Name == "file" && s.Size == 6 && s.Mode == 0o640 && s.ModTime.Year() == 2023
		})},
		{name: "ContainerArchiveInfo-missing", call: stat("rec-main", "/no/other/path"), want: "not found"},
		{name: "ContainerArchive", call: read("rec-main", "/tmp/file"), check: hasFile},
		{name: "ContainerArchive-missing", call: read("rec-main", "/no/other/path"), want: "not found"},
	}
}
