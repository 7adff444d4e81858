package worker

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// BenchmarkJournal is what a byte of a log costs on its way to the disk, in pieces of several sizes.
func BenchmarkJournal(b *testing.B) {
	for _, size := range []int{100, 4 << 10, copyBuffer} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			framed := append(make([]byte, recordHeader), letters[:size]...)
			j := newTestJournal(b, 1<<62)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				j.writeLog(recordStdout, framed)
				if j.fileSize > 256<<20 { // do not fill the disk of whoever runs this
					b.StopTimer()
					_ = j.file.Truncate(0)
					_, _ = j.file.Seek(0, 0)
					j.fileSize = 0
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkLog is what 8 MB of a log cost from the engine's stream to the messages for the broker, in frames of several
// sizes.
func BenchmarkLog(b *testing.B) {
	const total = 8 << 20
	for _, size := range []int{100, 4 << 10, copyBuffer} {
		b.Run(fmt.Sprintf("frames of %d bytes", size), func(b *testing.B) {
			stream := bytes.Repeat([]byte(frame(dockerapi.Stdout, string(letters[:size]))), total/size)
			b.SetBytes(total)
			b.ReportAllocs()
			messages := 0
			for b.Loop() {
				j := newTestJournal(b, 1<<62)
				e := &execution{journal: j, transcript: newTranscript(j, nil), logger: slog.New(slog.DiscardHandler), begin: func(time.Time) {}}
				if err := e.copyOutput(bytes.NewReader(stream)); err != nil {
					b.Fatal(err)
				}
				j.close()
				rl := &relay{journal: j, taskID: "t1", attempt: 1, logger: e.logger, publish: func(_ context.Context, batch ...Message) error {
					messages += len(batch)
					return nil
				}}
				if err := rl.run(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				_ = j.release()
				b.StartTimer()
			}
			b.ReportMetric(float64(messages)/float64(b.N), "messages/op")
		})
	}
}

// BenchmarkJournalTail is the same for what is beyond the limit of a log.
func BenchmarkJournalTail(b *testing.B) {
	framed := append(make([]byte, recordHeader), letters[:copyBuffer]...)
	j := newTestJournal(b, 2*tailSize)
	b.SetBytes(copyBuffer)
	b.ReportAllocs()
	for b.Loop() {
		j.writeLog(recordStdout, framed)
	}
}

func BenchmarkParseTask(b *testing.B) {
	body, err := os.ReadFile("../examples/shell.json")
	if err != nil {
		b.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"good":      body,
		"malformed": bytes.Replace(body, []byte(`"image"`), []byte(`"imgae"`), 1),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = task.Parse(body, task.Policy{})
			}
		})
	}
}
