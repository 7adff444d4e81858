package worker

import (
	"slices"
	"testing"
)

// Every move from every state, legal or not.
func TestMoves(t *testing.T) {
	all := []State{Received, Claimed, Preparing, Running, Finishing, Resolved}
	legal := map[State][]State{
		Received:  {Claimed, Finishing},
		Claimed:   {Preparing, Finishing},
		Preparing: {Running, Finishing},
		Running:   {Finishing},
		Finishing: {Resolved},
	}
	told := map[State]EventType{Claimed: TaskClaimed, Preparing: TaskPreparing, Running: TaskStarted}
	for _, from := range all {
		for _, to := range append(all, "no state") {
			j := newTestJournal(t, 1<<20)
			r := &Run{TaskID: "t1", journal: j, state: from}
			err := guard(func() error { r.move(to, nil); return nil })
			if want := slices.Contains(legal[from], to); (err == nil) != want {
				t.Errorf("from %s to %s: %v, legal: %v", from, to, err, want)
				continue
			}
			if err != nil {
				if r.state != from || j.state().size != 0 {
					t.Errorf("an illegal move from %s to %s left a trace", from, to)
				}
				continue
			}
			if events := j.state().urgent; r.state != to || (events == 1) != (told[to] != "") {
				t.Errorf("from %s to %s: now in %s, %d events", from, to, r.state, events)
			}
			got := []bool{r.times.Claimed != nil, r.times.Preparing != nil, r.times.Started != nil, r.times.Resolved != nil}
			want := []bool{to == Claimed, to == Preparing, to == Running, to == Resolved}
			if !slices.Equal(got, want) {
				t.Errorf("from %s to %s: times %v, want %v", from, to, got, want)
			}
		}
	}
}

// The table of moves knows every state, and leads to the end from each of them.
func TestMovesLeadToTheEnd(t *testing.T) {
	for from := range moves {
		seen, next := map[State]bool{}, []State{from}
		for len(next) > 0 {
			s := next[0]
			next = next[1:]
			if !seen[s] {
				seen[s] = true
				next = append(next, moves[s]...)
			}
		}
		if !seen[Resolved] {
			t.Errorf("%s does not lead to the end", from)
		}
	}
}
