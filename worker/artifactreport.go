package worker

import (
	"encoding/json"
	"fmt"

	"github.com/docker-worker/docker-worker/worker/artifact"
)

// ArtifactReport is what became of an artifact: where it is, or why there is none.
type ArtifactReport struct {
	Name        string `json:"name"`
	Of          string `json:"artifact,omitempty"`    // the directory or glob that this is a file of
	Path        string `json:"path"`                  // in the container
	Size        int64  `json:"size"`                  // bytes, before they were compressed for the store
	SHA256      string `json:"sha256,omitempty"`      // of these; absent where it is more than one file
	Files       int    `json:"files,omitempty"`       // how many it is, in the store
	ContentType string `json:"contentType,omitempty"` // told, or guessed from the name
	URL         string `json:"url,omitempty"`         // without query, which may be a signature
	Expires     string `json:"expires,omitempty"`     // as the task has it
	Missing     bool   `json:"missing,omitempty"`     // nothing was there
	Error       string `json:"error,omitempty"`       // why there is none
}

func reportOf(k artifact.Kept, of, expires string) ArtifactReport {
	return ArtifactReport{Name: k.Name, Of: of, Path: k.Path, Size: k.Size, SHA256: k.SHA256, Files: k.Files,
		ContentType: k.ContentType, URL: k.URL, Expires: expires}
}

// artifact is what an earlier process told of one, nil where it did not.
func (h *history) artifact(name string) *ArtifactReport {
	if h == nil {
		return nil
	}
	report, ok := h.artifacts[name]
	if !ok {
		return nil
	}
	return &report
}

// noteArtifact takes a report from the journal, unless it is of one file of many.
func (h *history) noteArtifact(details json.RawMessage) error {
	var report ArtifactReport
	if err := json.Unmarshal(details, &report); err != nil {
		return fmt.Errorf("decode the report of an artifact: %w", err)
	}
	if report.Of == "" {
		h.artifacts[report.Name] = report
	}
	return nil
}
