package worker

import (
	"fmt"
	"time"
)

// State is where a task stands. Why it ended is never a state: that is Outcome.Reason.
type State string

// The states of a task on this worker.
const (
	Received  State = "received"  // delivered, not looked at; no event
	Claimed   State = "claimed"   // valid, and ours
	Preparing State = "preparing" // stages are set up
	Running   State = "running"   // the container runs
	Finishing State = "finishing" // stages are torn down
	Resolved  State = "resolved"  // the outcome is known; nothing follows
)

// moves is every legal move.
var moves = map[State][]State{
	Received:  {Claimed, Finishing},
	Claimed:   {Preparing, Finishing},
	Preparing: {Running, Finishing},
	Running:   {Finishing},
	Finishing: {Resolved},
	Resolved:  {},
}

// move is the only way from one state to another: it notes the time and says it to the world. details is what the
// state's event adds, nil for a state that has none. An illegal move is a bug of ours; it panics, which ends this task
// as internal-error.
func (r *Run) move(to State, details any) {
	for _, legal := range moves[r.state] {
		if legal == to {
			now := time.Now().UTC()
			r.state = to
			switch to {
			case Claimed:
				r.times.Claimed = r.tell(TaskClaimed, now, details)
			case Preparing:
				r.times.Preparing = r.tell(TaskPreparing, now, details)
			case Running:
				r.times.Started = r.tell(TaskStarted, now, details)
			case Resolved:
				r.times.Resolved = &now
			}
			return
		}
	}
	panic(fmt.Sprintf("worker: task %s: illegal move from %s to %s", r.TaskID, r.state, to))
}

// tell tells the event of a state, unless an earlier process did. It returns when that was.
func (r *Run) tell(event EventType, now time.Time, details any) *time.Time {
	if before := r.past.at(event); before != nil {
		return before
	}
	r.emit(event, now, details)
	return &now
}
