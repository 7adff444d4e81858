package bench

import (
	"syscall"
	"time"
)

// samples are what the rounds of one client took.
type samples struct {
	seconds []float64
	cpu     []float64 // of this process, in seconds
}

func (s *samples) measure(round func()) {
	begin, cpu := time.Now(), cpuTime()
	round()
	s.seconds = append(s.seconds, time.Since(begin).Seconds())
	s.cpu = append(s.cpu, (cpuTime() - cpu).Seconds())
}

// cpuTime is what this process has used, in the kernel and out of it.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// mean, not median: the times of an attachment are in two heaps, and a median jumps between them.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
