package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// newTestImages are the images of an engine that has none, and whose pulls take some time.
func newTestImages(takes time.Duration) (*images, *fakeEngine) {
	e := newFakeEngine()
	clear(e.images)
	for i := range 3 {
		e.registry[fmt.Sprintf("tool%d:latest", i)] = dockerapi.Image{ID: fmt.Sprint("sha256:", i)}
	}
	e.pulling = func(ctx context.Context, _ func(dockerapi.PullProgress)) error { return sleep(ctx, takes) }
	return &images{engine: e, logger: slog.New(slog.DiscardHandler), pulls: map[string]*pull{}}, e
}

func silent(ImageProgress) {}

func reference(t *testing.T, text string) task.Reference {
	t.Helper()
	ref, err := task.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// However many wait for an image, it is pulled once; other images do not wait for it.
func TestImagesPullOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := newTestImages(time.Minute)
		begun := time.Now()
		var tasks sync.WaitGroup
		for i := range 30 {
			tasks.Go(func() {
				image, err := s.ensure(t.Context(), reference(t, fmt.Sprintf("tool%d", i%3)), silent)
				if want := fmt.Sprint("sha256:", i%3); err != nil || image.ID != want {
					t.Errorf("task %d: %s, %v", i, image.ID, err)
				}
			})
		}
		tasks.Wait()
		if took, pulls := time.Since(begun), e.called(onPull); took != time.Minute || pulls != 3 {
			t.Errorf("%d pulls in %v; three that take a minute can run side by side", pulls, took)
		}
		s.pulling.Wait()
	})
}

// A pull goes on without the task that began it, as long as one waits.
func TestImagesPullOutlivesItsFirstWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := newTestImages(time.Minute)
		ctx, leave := context.WithCancelCause(t.Context())
		errs := make(chan error, 2)
		for _, ctx := range []context.Context{ctx, t.Context()} {
			go func() {
				_, err := s.ensure(ctx, reference(t, "tool0"), silent)
				errs <- err
			}()
			pass(time.Second)
		}
		leave(ErrCanceled)
		if err := <-errs; !errors.Is(err, ErrCanceled) {
			t.Errorf("the one that left: %v", err)
		}
		if err := <-errs; err != nil {
			t.Errorf("the one that stayed: %v", err)
		}
		if n := e.called(onPull); n != 1 {
			t.Errorf("%d pulls", n)
		}
	})
}

// When all have left, the pull is given up, and one that comes then begins anew.
func TestImagesPullIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := newTestImages(time.Minute)
		var gaveUp error
		e.pulling = func(ctx context.Context, _ func(dockerapi.PullProgress)) error {
			if e.called(onPull) > 1 {
				return nil
			}
			<-ctx.Done()
			gaveUp = context.Cause(ctx)
			return gaveUp
		}
		ctx, leave := context.WithCancelCause(t.Context())
		var tasks sync.WaitGroup
		for range 3 {
			tasks.Go(func() {
				if _, err := s.ensure(ctx, reference(t, "tool0"), silent); !errors.Is(err, ErrShutdown) {
					t.Errorf("one that left: %v", err)
				}
			})
		}
		synctest.Wait()
		leave(ErrShutdown)
		tasks.Wait()
		if _, err := s.ensure(t.Context(), reference(t, "tool0"), silent); err != nil {
			t.Errorf("one that came later: %v", err)
		}
		s.pulling.Wait()
		if gaveUp != errNobodyWaits || len(s.pulls) != 0 {
			t.Errorf("given up because of %v; %d pulls are left", gaveUp, len(s.pulls))
		}
	})
}

// A pull that failed is told to all who waited, and is no reason against another one.
func TestImagesFailForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := newTestImages(0)
		e.hook(onPull, func(ctx context.Context, nth int) error {
			if nth > 3 {
				return nil
			}
			return errors.Join(sleep(ctx, time.Second), engineAnswer(500))
		})
		begun := time.Now()
		var tasks sync.WaitGroup
		for range 5 {
			tasks.Go(func() {
				_, err := s.ensure(t.Context(), reference(t, "tool0"), silent)
				if e, ok := errors.AsType[*TaskError](err); !ok || e.Reason != ResourceUnavailable {
					t.Errorf("one that waited: %v", err)
				}
			})
		}
		tasks.Wait()
		if took := time.Since(begun); took != 3*time.Second+pullBackoff+2*pullBackoff {
			t.Errorf("three tries took %v", took)
		}
		if _, err := s.ensure(t.Context(), reference(t, "tool0"), silent); err != nil {
			t.Errorf("another task: %v", err)
		}
	})
}

// What the engine says of the layers is summed, and told once a second at the most; nothing is told of an extraction,
// which counts the same bytes once more.
func TestImagesTellProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := newTestImages(0)
		e.pulling = func(ctx context.Context, report func(dockerapi.PullProgress)) error {
			report(dockerapi.PullProgress{Status: "Pulling from tool0"})
			pass(1500 * time.Millisecond)
			for i := range int64(10) {
				report(dockerapi.PullProgress{ID: "a", Status: "Downloading", Current: 100 * i, Total: 1000})
				report(dockerapi.PullProgress{ID: "b", Status: "Downloading", Current: i, Total: 10})
				report(dockerapi.PullProgress{ID: "b", Status: "Extracting", Current: 10_000, Total: 10_000})
				pass(200 * time.Millisecond)
			}
			return nil
		}
		var told []ImageProgress
		if _, err := s.ensure(t.Context(), reference(t, "tool0"), func(p ImageProgress) { told = append(told, p) }); err != nil {
			t.Fatal(err)
		}
		want := []ImageProgress{
			{Image: "tool0:latest", CurrentBytes: 202, TotalBytes: 1010},
			{Image: "tool0:latest", CurrentBytes: 707, TotalBytes: 1010},
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDigestOf(t *testing.T) {
	for name, test := range map[string]struct {
		digests []string
		want    string
	}{
		"built on the host":     {nil, ""},
		"pulled":                {[]string{"tool@sha256:a"}, "tool@sha256:a"},
		"under several names":   {[]string{"other@sha256:b", "tool@sha256:a"}, "tool@sha256:a"},
		"under another name":    {[]string{"other@sha256:b"}, "other@sha256:b"},
		"a name that is longer": {[]string{"tool2@sha256:b", "tool@sha256:a"}, "tool@sha256:a"},
	} {
		if got := digestOf(dockerapi.Image{RepoDigests: test.digests}, task.Reference{Name: "tool", Tag: "latest"}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
