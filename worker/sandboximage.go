package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/sandboximage"
)

// sandboxImage is the image of this program that sandboxes run from.
type sandboxImage struct {
	engine interface {
		imageStore
		ImageInspect(ctx context.Context, ref string) (dockerapi.Image, error)
	}
	logger  *slog.Logger
	program string

	loading sync.Mutex
	once    sync.Once
	image   *sandboximage.Image
	err     error
}

// ownProgram is the file of this process, even where another has taken its name since.
const ownProgram = "/proc/self/exe"

// reference names the image.
func (s *sandboxImage) reference() (string, error) {
	s.once.Do(func() { s.image, s.err = sandboximage.Of(orDefault(s.program, ownProgram)) })
	if s.err != nil {
		return "", s.err
	}
	return s.image.Reference, nil
}

// ensure returns the reference of the image, which the engine has then. It loads it where it is missing, and removes
// those of other versions that nobody uses any more.
func (s *sandboxImage) ensure(ctx context.Context) (string, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	reference, err := s.reference()
	if err != nil {
		return "", err
	}
	_, err = s.engine.ImageInspect(ctx, reference)
	if err == nil {
		return reference, nil
	}
	if !dockerapi.IsNotFound(err) {
		return "", fmt.Errorf("look for the sandbox's image: %w", err)
	}
	if err := s.load(ctx); err != nil {
		return "", err
	}
	if _, err := s.engine.ImageInspect(ctx, reference); err != nil {
		return "", fmt.Errorf("look for the sandbox's image after it was loaded: %w", err)
	}
	s.removeOthers(ctx, reference)
	return reference, nil
}

func (s *sandboxImage) load(ctx context.Context) error {
	archive, feed := io.Pipe()
	var written sync.WaitGroup
	written.Go(func() {
		_, err := s.image.WriteTo(feed)
		_ = feed.CloseWithError(err)
	})
	_, err := s.engine.ImageLoad(ctx, archive, dockerapi.LoadOptions{})
	_ = archive.Close()
	written.Wait()
	if err != nil {
		return fmt.Errorf("load the sandbox's image: %w", err)
	}
	return nil
}

// removeOthers is tidiness: a failure is somebody's who still uses one.
func (s *sandboxImage) removeOthers(ctx context.Context, reference string) {
	list, err := s.engine.ImageList(ctx, dockerapi.ImageListOptions{Filters: dockerapi.Filters{"reference": {sandboximage.Repository}}})
	if err != nil {
		s.logger.Debug("cannot look for old images of sandboxes", "error", err)
	}
	for _, image := range list {
		for _, tag := range image.RepoTags {
			if tag == reference || !strings.HasPrefix(tag, sandboximage.Repository+":") {
				continue
			}
			if _, err := s.engine.ImageRemove(ctx, tag, dockerapi.ImageRemoveOptions{}); err != nil {
				s.logger.Debug("an old image of sandboxes stays", "image", tag, "error", err)
			}
		}
	}
}

// fingerprint is the same for sandboxes that are alike.
func fingerprint(reference string, args []string) string {
	sum := sha256.Sum256([]byte(reference + " " + strings.Join(args, " ")))
	return hex.EncodeToString(sum[:6])
}
