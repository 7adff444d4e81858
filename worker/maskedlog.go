package worker

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/docker-worker/docker-worker/internal/mask"
)

// maskedLog is a log in which a task's secrets are masked: an error of the engine may quote what it was given.
type maskedLog struct {
	next   slog.Handler
	masker *mask.Masker
}

func (h maskedLog) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h maskedLog) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, h.masker.Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(h.mask(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

func (h maskedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		masked[i] = h.mask(a)
	}
	return maskedLog{h.next.WithAttrs(masked), h.masker}
}

func (h maskedLog) WithGroup(name string) slog.Handler {
	return maskedLog{h.next.WithGroup(name), h.masker}
}

// mask leaves an attribute as it is unless there is a secret in the text that it becomes.
func (h maskedLog) mask(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	var text string
	switch value.Kind() {
	case slog.KindGroup:
		var members []any
		for _, member := range value.Group() {
			members = append(members, h.mask(member))
		}
		return slog.Group(a.Key, members...)
	case slog.KindString:
		text = value.String()
	case slog.KindAny:
		text = fmt.Sprintf("%+v", value.Any())
	default:
		return a
	}
	if masked := h.masker.Text(text); masked != text {
		return slog.String(a.Key, masked)
	}
	return a
}
