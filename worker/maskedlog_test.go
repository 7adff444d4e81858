package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/internal/mask"
)

func TestMaskedLog(t *testing.T) {
	var out bytes.Buffer
	plain := slog.NewJSONHandler(&out, nil)
	logger := slog.New(maskedLog{plain, mask.New([]string{"hunter2"})})
	err := fmt.Errorf("create: %w", errors.New("TOKEN=hunter2"))
	logger.With("with", "hunter2", "task", "t1").WithGroup("group").Info("hunter2!", "error", err, "n", 7,
		slog.Group("inner", "text", "a hunter2"), "struct", struct{ A []string }{[]string{"hunter2"}})
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Count(text, mask.Mark) != 5 || !strings.Contains(text, `"task":"t1"`) || !strings.Contains(text, `"n":7`) {
		t.Errorf("got %s", text)
	}
	if logger.Enabled(context.Background(), slog.LevelDebug) {
		t.Error("the level is the next handler's")
	}
}
