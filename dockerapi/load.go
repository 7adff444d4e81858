package dockerapi

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// LoadOptions tell how images are loaded.
type LoadOptions struct {
	// Inactivity is how long the engine may say nothing after the tar was read: then the load ends with
	// [ErrInactive]. 0 is [DefaultInactivity].
	Inactivity time.Duration
}

// ImageLoad loads the images of a tar (as `docker save` makes it, it may be compressed) and returns their references,
// or the ids of those that have none. podman puts "localhost/" before names without a registry.
//
// What is wrong with the tar is an error inside a 200 (podman says 500). Since API 1.23 for the answer in objects.
func (c *Client) ImageLoad(ctx context.Context, tar io.Reader, opts LoadOptions) ([]string, error) {
	r := request{
		op: "ImageLoad", method: http.MethodPost, path: "/images/load",
		query:  url.Values{"quiet": {"1"}},
		header: http.Header{"Content-Type": {"application/x-tar"}},
		body:   tar,
	}
	var text strings.Builder
	err := c.readStream(ctx, r, opts.Inactivity, func(m streamMessage) {
		if text.Len() < maxStreamMessage {
			text.WriteString(m.Stream)
		}
	})
	if err != nil {
		return nil, err
	}
	return loadedImages(text.String()), nil
}

// loadedImages finds what the engine says to have loaded: a line for each image; podman has them in one line, with
// commas between.
func loadedImages(text string) []string {
	var refs []string
	for line := range strings.Lines(text) {
		_, list, found := strings.Cut(line, "Loaded image")
		if !found {
			continue
		}
		_, list, _ = strings.Cut(list, ": ")
		for ref := range strings.SplitSeq(list, ",") {
			if ref = strings.TrimSpace(ref); ref != "" {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}
