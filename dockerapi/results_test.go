package dockerapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEventTime(t *testing.T) {
	if got := (Event{TimeNano: 1_700_000_000_000_000_006}).Time(); !got.Equal(time.Unix(1_700_000_000, 6)) {
		t.Error(got)
	}
}

// The page cache that can be given back does not count, in the words of both versions of the cgroups.
func TestWorkingSet(t *testing.T) {
	for name, test := range map[string]struct {
		stats map[string]uint64
		want  uint64
	}{
		"v1":              {map[string]uint64{"total_inactive_file": 30, "inactive_file": 10}, 70},
		"v2":              {map[string]uint64{"inactive_file": 10}, 90},
		"unknown":         {nil, 100},
		"more than usage": {map[string]uint64{"inactive_file": 200}, 100},
	} {
		if got := (MemoryStats{Usage: 100, Stats: test.stats}).WorkingSet(); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

// A removal of a name alone deletes no image.
func TestImagePruneCountsImages(t *testing.T) {
	c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, `{"ImagesDeleted":[{"Untagged":"a:1"},{"Deleted":"sha256:00"}],"SpaceReclaimed":5}`), nil
	}))
	got, err := c.ImagePrune(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Pruned{Deleted: []string{"sha256:00"}, SpaceReclaimed: 5}, got); diff != "" {
		t.Error(diff)
	}
}

// Whole seconds are sent, never fewer than were asked for.
func TestWholeSeconds(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 0, 1: 1, time.Second: 1, 1001 * time.Millisecond: 2, -1: -1, -time.Minute: -1} {
		if got := wholeSeconds(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}
