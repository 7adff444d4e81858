package bench

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// each runs a benchmark with each client.
func each(b *testing.B, run func(b *testing.B, c engineClient)) {
	for _, client := range []struct {
		name string
		make func() (engineClient, error)
	}{{"ours", newOurs}, {"moby", newOfficial}, {"go-dockerclient", newThird}} {
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

// BenchmarkAttach is a container that writes 256 MiB; MB/s are of its whole life.
func BenchmarkAttach(b *testing.B) {
	const size = 256 << 20
	each(b, func(b *testing.B, c engineClient) {
		b.ReportAllocs()
		b.SetBytes(size)
		i := 0
		for b.Loop() {
			i++
			n, err := c.round(b.Context(), name(i), []string{"dd", "if=/dev/zero", "bs=65536", "count=4096"})
			if err != nil {
				remove(b, name(i))
				b.Fatal(err)
			}
			if n < size {
				b.Fatalf("%d bytes of %d arrived", n, size)
			}
		}
	})
}
