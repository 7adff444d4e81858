package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
)

// leaseTasks is how many tasks a round has here, one behind the other, so that the settlement of each is in the time of
// the next.
const leaseTasks = 8

// compareLeases prints what it costs to take and to settle a task by a lease. Two workers of capacity 1, one with leases
// and one without, run the same rounds of tasks in turn.
//
// The image of these tasks does not exist, by the word of a registry in this process: they go the whole way but for the
// container, whose hundreds of milliseconds, different each time, would hide what is measured.
func compareLeases(ctx context.Context, s *session) error {
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}`)
		}
	}))
	defer registry.Close()
	task := fmt.Sprintf(`{"image": "%s/no/image:latest"}`, strings.TrimPrefix(registry.URL, "http://"))
	ways := []string{leaseDefault, leaseNone}
	perTask := map[string][]float64{} // milliseconds
	workers := map[string]*program{}
	for _, lease := range ways {
		p, err := s.startWorker(ctx, workerOptions{capacity: 1, lease: lease}, "task.completed", "task.failed", "task.exception")
		if err != nil {
			return err
		}
		defer p.stop()
		workers[lease] = p
	}
	var pairs []float64
	for round := range s.size.rounds + 1 {
		for _, lease := range ways {
			took, err := timed(func() error { return workers[lease].round(ctx, leaseTasks, task, "task.exception") })
			if err != nil {
				return err
			}
			if round > 0 { // the first is a warm-up
				perTask[lease] = append(perTask[lease], milliseconds(took)/leaseTasks)
			}
		}
		if round > 0 {
			pairs = append(pairs, perTask[leaseDefault][round-1]-perTask[leaseNone][round-1])
		}
		slices.Reverse(ways) // neither is always the second
	}
	with, without := median(perTask[leaseDefault]), median(perTask[leaseNone])
	fmt.Printf("lease: capacity 1; %d rounds of %d tasks without a container, taking turns; medians for each task\n\n", s.size.rounds, leaseTasks)
	fmt.Printf("--lease %-3s %8.2f ms\n--lease %-3s %8.2f ms\n", leaseDefault, with, leaseNone, without)
	fmt.Printf("difference of the medians %+.2f ms; median of the differences %+.2f ms (quartiles %+.2f to %+.2f)\n",
		with-without, median(pairs), quantile(pairs, 0.25), quantile(pairs, 0.75))
	return nil
}
