package worker

import (
	"path/filepath"
	"time"

	"github.com/docker-worker/docker-worker/internal/transfer"
	"github.com/docker-worker/docker-worker/worker/artifact"
)

// Transfers say how files come into containers, and out of them. The zero value of a field is its default.
type Transfers struct {
	Client          *transfer.Client // for addresses that tasks name; by default one that goes to no address of the host itself
	Store           artifact.Store   // for artifacts that name no address; nil: there is none
	MaxFileSize     int64            // bytes of all inputs of a task, as they come and as they are unpacked; default 10 GiB
	MaxArtifactSize int64            // bytes of one artifact; default 10 GiB
	ArtifactTimeout time.Duration    // for all artifacts of a task; default 15 minutes
}

// Defaults of Transfers.
const (
	DefaultMaxFileSize     = 10 << 30
	DefaultMaxArtifactSize = 10 << 30
	DefaultArtifactTimeout = 15 * time.Minute
)

func (t *Transfers) setDefaults() {
	if t.Client == nil {
		t.Client = &transfer.Client{Allow: transfer.Public}
	}
	t.MaxFileSize = orDefault(t.MaxFileSize, DefaultMaxFileSize)
	t.MaxArtifactSize = orDefault(t.MaxArtifactSize, DefaultMaxArtifactSize)
	t.ArtifactTimeout = orDefault(t.ArtifactTimeout, DefaultArtifactTimeout)
}

// tempDir is for files without a name.
func (w *Worker) tempDir() string { return filepath.Join(w.dir(), "tmp") }

func (w *Worker) fileStage() fileStage {
	t := w.cfg.Transfers
	return fileStage{engine: w.cfg.Engine, client: t.Client, tempDir: w.tempDir(), maxSize: t.MaxFileSize, limit: w.cfg.PrepareTimeout}
}

func (w *Worker) artifactStage() artifactStage {
	t := w.cfg.Transfers
	keeper := &artifact.Keeper{Source: w.cfg.Engine, Store: t.Store, Client: t.Client, TempDir: w.tempDir(), MaxSize: t.MaxArtifactSize}
	return artifactStage{keeper: keeper, limit: t.ArtifactTimeout, engine: w.cfg.Engine}
}
