package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-worker/docker-worker/dockerapi"
	"github.com/docker-worker/docker-worker/worker/task"
)

// meter is an engine whose container uses one CPU and has a peak of memory after two samples.
type meter struct {
	processEngine
	started time.Time
	samples int
	ends    time.Duration // no more is measured after it
}

func (m *meter) ContainerStats(context.Context, string) (dockerapi.Stats, error) {
	m.samples++
	ran := time.Since(m.started)
	if ran > m.ends {
		return dockerapi.Stats{}, errors.New("not running")
	}
	var s dockerapi.Stats
	s.CPUStats.CPUUsage.TotalUsage = uint64(ran)
	s.MemoryStats.Usage = map[bool]uint64{true: 900, false: 100}[m.samples == 2]
	s.Networks = map[string]dockerapi.NetworkStats{"eth0": {RxBytes: 1, TxBytes: 2}, "eth1": {RxBytes: 10, TxBytes: 20}}
	s.BlkioStats.IOServiceBytes = []dockerapi.BlkioEntry{{Op: "Read", Value: 5}, {Op: "write", Value: 6}, {Op: "Write", Value: 1}, {Op: "Total", Value: 12}}
	return s, nil
}

func TestUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		m := &meter{started: time.Now(), ends: time.Hour}
		var u usage
		stop := u.measure(ctx, m, "c1")
		time.Sleep(time.Minute) // of the test's own clock: no more is measured after the end of ctx
		stop()
		want := &Usage{PeakMemory: 900, CPUSeconds: 31, NetworkIn: 11, NetworkOut: 22, BlockRead: 5, BlockWritten: 7, Sampled: m.started.Add(31 * time.Second).UTC()}
		if diff := cmp.Diff(want, u.summary(&Exit{}, task.Limits{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if m.samples != 4 {
			t.Errorf("%d samples, want one after 1, 11, 21 and 31 seconds", m.samples)
		}
	})
}

// A container that is gone is not asked for ever, and what was known of it stays.
func TestUsageOfWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{started: time.Now(), ends: 5 * time.Second}
		var u usage
		stop := u.measure(t.Context(), m, "c1")
		time.Sleep(time.Hour)
		stop()
		if got := u.summary(nil, task.Limits{}); got == nil || got.CPUSeconds != 1 || m.samples != 2 {
			t.Errorf("%+v after %d samples", got, m.samples)
		}
	})
}

// Nothing is measured any more when stop has returned, and stop waits for a sample under way.
func TestUsageStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, answer := make(chan struct{}), make(chan struct{})
		var u usage
		stop := u.measure(t.Context(), blockedMeter{asked: asked, answer: answer}, "c1")
		<-asked
		stopped := make(chan struct{})
		go func() { defer close(stopped); stop() }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("stopped in the middle of a sample")
		default:
		}
		close(answer)
		<-stopped
		time.Sleep(time.Hour) // a second sample would close asked again
	})
}

// blockedMeter says when it is asked, and answers when it may.
type blockedMeter struct {
	processEngine
	asked, answer chan struct{}
}

func (m blockedMeter) ContainerStats(context.Context, string) (dockerapi.Stats, error) {
	close(m.asked)
	<-m.answer
	return dockerapi.Stats{}, nil
}

// What ended before a sample has no usage; what ran out of memory had all that there was.
func TestUsageWithoutSamples(t *testing.T) {
	var u usage
	if got := u.summary(&Exit{Code: 1}, task.Limits{}); got != nil {
		t.Errorf("%+v", got)
	}
	limits := task.Limits{Resources: task.Resources{Memory: 1 << 20}}
	if got := u.summary(&Exit{Code: 137, OOMKilled: true, Finished: time.Unix(1, 0)}, limits); got == nil || got.PeakMemory != 1<<20 {
		t.Errorf("%+v", got)
	}
}
