package bench

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// clients are what is compared, ours first.
var clients = []struct {
	name string
	make func() (engineClient, error)
}{{"ours", newOurs}, {"moby", newOfficial}, {"go-dockerclient", newThird}}

// each runs a benchmark with each client.
func each(b *testing.B, run func(b *testing.B, c engineClient)) {
	for _, client := range clients {
		b.Run(client.name, func(b *testing.B) {
			c, err := client.make()
			if err != nil {
				b.Fatal(err)
			}
			run(b, c)
		})
	}
}

// name is a container's, which only this process has.
func name(i int) string { return fmt.Sprintf("dockerapi-bench-%d-%d", os.Getpid(), i) }

// remove takes away what a failed round left.
func remove(b *testing.B, name string) {
	b.Helper()
	c, err := newOurs()
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.WithoutCancel(b.Context())
	if err := c.(ours).c.ContainerRemove(ctx, name, dockerapi.RemoveOptions{Force: true, Volumes: true}); err != nil {
		b.Error(err)
	}
}

// BenchmarkInspect is the smallest call with an answer of a few KB.
func BenchmarkInspect(b *testing.B) {
	c, err := newOurs()
	if err != nil {
		b.Fatal(err)
	}
	created, err := c.(ours).c.ContainerCreate(b.Context(), name(-1), dockerapi.ContainerConfig{Image: image(), Cmd: []string{"true"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { remove(b, created.ID) })
	each(b, func(b *testing.B, c engineClient) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.inspect(b.Context(), created.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRound is the whole life of a container that does nothing.
func BenchmarkRound(b *testing.B) {
	each(b, func(b *testing.B, c engineClient) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			if _, err := c.round(b.Context(), name(i), []string{"true"}); err != nil {
				remove(b, name(i))
				b.Fatal(err)
			}
		}
	})
}

// attachSize is what the containers write whose output is measured, in bytes.
const attachSize = 256 << 20

// BenchmarkAttach is a container that writes 256 MiB; MB/s are of its whole life.
func BenchmarkAttach(b *testing.B) {
	takeTurns(b, []string{"dd", "if=/dev/zero", "bs=65536", "count=4096"})
}

// BenchmarkStream is the same on an engine that does nothing but write: what the clients themselves can do.
func BenchmarkStream(b *testing.B) {
	b.Setenv("DOCKER_HOST", writerEngine(b, attachSize))
	takeTurns(b, nil)
}

// takeTurns measures rounds of the clients one after the other, so that what else the machine does meets all of them:
// for each the mean of its rounds, in MB/s and in milliseconds of this process's CPU; and the ratio of ours to the
// others', above 1 where ours is faster.
func takeTurns(b *testing.B, cmd []string) {
	made := make([]engineClient, len(clients))
	rounds := make([]samples, len(clients))
	for i, client := range clients {
		var err error
		if made[i], err = client.make(); err != nil {
			b.Fatal(err)
		}
	}
	turn := 0
	for b.Loop() {
		for i := range clients {
			who := (turn + i) % len(clients) // each is first as often as last
			rounds[who].measure(func() {
				n, err := made[who].round(b.Context(), name(turn), cmd)
				if err != nil {
					remove(b, name(turn))
					b.Fatalf("%s: %v", clients[who].name, err)
				}
				if n < attachSize {
					b.Fatalf("%d bytes of %d arrived", n, attachSize)
				}
			})
		}
		turn++
	}
	ours := mean(rounds[0].seconds)
	for i, client := range clients {
		b.ReportMetric(attachSize/1e6/mean(rounds[i].seconds), client.name+"-MB/s")
		b.ReportMetric(1000*mean(rounds[i].cpu), client.name+"-cpu-ms")
		if i > 0 {
			b.ReportMetric(mean(rounds[i].seconds)/ours, "ours/"+client.name)
		}
	}
}
