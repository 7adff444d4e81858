package worker

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/docker-worker/docker-worker/worker/task"
)

func TestEnvironment(t *testing.T) {
	got := environment(map[string]task.Variable{"A": {Value: "1"}, "B": {Value: "a=b"}}, map[string]string{"TASK_ID": "t1", "WORKER_TYPE": "", "OTHER": "is not the worker's"})
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff([]string{"A=1", "B=a=b", "TASK_ID=t1", "WORKER_TYPE="}, got, sorted); diff != "" {
		t.Error(diff)
	}
	if got[2] != "TASK_ID=t1" {
		t.Errorf("the worker's own come last, so that they count: %q", got)
	}
}
