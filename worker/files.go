package worker

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/internal/scratch"
	"github.com/docker-worker/docker-worker/internal/transfer"
	"github.com/docker-worker/docker-worker/internal/unpack"
	"github.com/docker-worker/docker-worker/worker/task"
)

// fileStage puts the task's files into its container before the start, through the engine: nothing of the host is
// mounted.
type fileStage struct {
	engine  archiveEngine
	client  *transfer.Client
	tempDir string
	maxSize int64         // bytes of all files of a task
	limit   time.Duration // for all of them
}

func (s fileStage) Name() string { return "files" }

// Setup does nothing for a container that an earlier process started. One that it only made gets everything anew.
func (s fileStage) Setup(ctx context.Context, r *Run) (Teardown, error) {
	if len(r.Task.Files) == 0 || r.found != nil && r.found.State.StartedAt.Year() > 1 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("the files of the task took longer than %v", s.limit))
	defer cancel()
	in := &inputs{fileStage: s, place: newPlace(s.engine, r.ContainerID), id: r.ContainerID, left: s.maxSize}
	for _, at := range slices.Sorted(maps.Keys(r.Task.Files)) {
		if err := in.put(ctx, at, r.Task.Files[at]); err != nil {
			return nil, blameFile(at, err)
		}
	}
	return nil, nil
}

// blameFile says whose fault it is that a file cannot be put into the container.
func blameFile(at string, err error) error {
	var archive *unpack.Error
	var misplaced *misplacedError
	if transfer.IsPermanent(err) || errors.As(err, &archive) || errors.As(err, &misplaced) || dockerapi.IsInvalid(err) || errors.Is(err, errTooMuch) {
		pointer := "/files/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(at)
		return &task.MalformedError{Problems: []task.Problem{{Pointer: pointer, Message: err.Error()}}}
	}
	return engineTrouble("put "+at+" into the container", err)
}

// errTooMuch is the end of what the inputs of a task may have.
var errTooMuch = errors.New("the files of this task are larger than this worker takes (its --max-file-size)")

// inputs puts files into one container, one after the other.
type inputs struct {
	fileStage
	place *place
	id    string
	left  int64 // bytes
}

func (in *inputs) put(ctx context.Context, at string, f task.File) error {
	content, err := in.open(ctx, f)
	if err != nil {
		return err
	}
	defer content.Close()
	to, err := in.place.find(ctx, at)
	if err != nil {
		return err
	}
	if err := to.fit(f.Extract); err != nil {
		return err
	}
	now := time.Now()
	err = in.send(ctx, func(w *tar.Writer) error {
		missing := to.missing
		if f.Extract && !to.exists {
			missing = append(missing, to.path)
		}
		for _, dir := range missing {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir[1:] + "/", Mode: 0o755, ModTime: now}); err != nil {
				return err
			}
		}
		if f.Extract {
			summary, err := unpack.Tar(w, content.SectionReader, unpack.Options{Dir: to.path[1:], MaxBytes: max(in.left, 1)})
			in.left -= summary.Bytes
			return err
		}
		in.left -= content.Size()
		mode := int64(f.Mode)
		if mode == 0 {
			mode = 0o644
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to.path[1:], Mode: mode, Size: content.Size(), ModTime: now}); err != nil {
			return err
		}
		_, err := io.Copy(w, content)
		return err
	})
	if err == nil {
		in.place.made(to, f.Extract)
	}
	return err
}

// input is the content of one file, which can be read in any order.
type input struct {
	*io.SectionReader
	io.Closer
}

// open has the content of a file ready: from the task itself, or from its address by way of a temporary file.
func (in *inputs) open(ctx context.Context, f task.File) (input, error) {
	if f.Content != nil {
		text := *f.Content
		if f.Encoding != "" {
			decoded, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return input{}, fmt.Errorf("decode a content that was validated: %w", err)
			}
			text = string(decoded)
		}
		if int64(len(text)) > in.left {
			return input{}, errTooMuch
		}
		return input{io.NewSectionReader(strings.NewReader(text), 0, int64(len(text))), io.NopCloser(nil)}, nil
	}
	if in.left <= 0 {
		return input{}, errTooMuch
	}
	file, err := scratch.File(in.tempDir)
	if err != nil {
		return input{}, err
	}
	got, err := in.client.Download(ctx, transfer.Download{URL: f.URL, SHA256: f.SHA256, MaxBytes: in.left}, file)
	if err != nil {
		file.Close()
		return input{}, err
	}
	return input{io.NewSectionReader(file, 0, got.Bytes), file}, nil
}

// errEngineLeft ends the writing of a tar that the engine does not want any more. Why is the engine's to say.
var errEngineLeft = errors.New("the engine takes no more")

// send has the engine unpack at the root what write writes. Its own error goes before the engine's, which is then only
// that the tar broke off.
func (in *inputs) send(ctx context.Context, write func(*tar.Writer) error) error {
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := guard(func() error {
			t := tar.NewWriter(w)
			if err := write(t); err != nil {
				return err
			}
			return t.Close()
		})
		w.CloseWithError(err)
		wrote <- err
	}()
	// A file never takes the place of a directory, nor the other way round: the image's links stay as they are.
	err := in.engine.PutContainerArchive(ctx, in.id, "/", r, dockerapi.PutArchiveOptions{NoOverwriteDirNonDir: true})
	r.CloseWithError(errEngineLeft)
	if werr := <-wrote; werr != nil && !errors.Is(werr, errEngineLeft) {
		return werr
	}
	return err
}

// misplacedError is a path at which a file cannot be.
type misplacedError struct{ problem string }

func (e *misplacedError) Error() string { return e.problem }

// fit says whether a file, or what is in an archive, can be at a spot.
func (s spot) fit(extract bool) error {
	switch {
	case path.Clean(s.path) == "/" && !extract:
		return &misplacedError{"is the root directory"}
	case s.exists && s.dir && !extract:
		return &misplacedError{fmt.Sprintf("%s is a directory in the image", s.path)}
	case s.exists && !s.dir && extract:
		return &misplacedError{fmt.Sprintf("%s is a file in the image, and what is in an archive needs a directory", s.path)}
	}
	return nil
}
