package worker

import (
	"bytes"
	"fmt"
	"os"
	"testing"

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
