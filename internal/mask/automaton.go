package mask

// automaton finds all patterns at once in one pass (Aho and Corasick): a state is the longest end of the text so far
// that is the beginning of a pattern. Patterns are long and few, so that a node has one child as a rule: children are a
// list, and where one is missing the automaton falls back to shorter ends. That is linear all the same, and takes a
// fortieth of the memory of a table.
type automaton struct {
	nodes []node     // nodes[0] is the root: nothing matches
	begin [256]int32 // the root's children
}

type node struct {
	fallback int32 // the state of the longest end of this one that is a state as well
	child    int32 // the first of the children; 0 for none
	sibling  int32 // the next child of the same parent; 0 for none
	depth    int32
	match    int32 // bytes of the longest pattern that ends here; 0 for none
	by       byte  // the byte that leads here
}

func newAutomaton(patterns []string) *automaton {
	a := &automaton{nodes: make([]node, 1)}
	for _, p := range patterns {
		a.add(p)
	}
	a.link()
	return a
}

func (a *automaton) add(pattern string) {
	at := int32(0)
	for i := range len(pattern) {
		to := a.child(at, pattern[i])
		if to == 0 {
			to = int32(len(a.nodes))
			a.nodes = append(a.nodes, node{by: pattern[i], depth: int32(i + 1), sibling: a.nodes[at].child})
			a.nodes[at].child = to
			if at == 0 {
				a.begin[pattern[i]] = to
			}
		}
		at = to
	}
	a.nodes[at].match = int32(len(pattern))
}

// link finds the fallbacks, the short before the long.
func (a *automaton) link() {
	for queue := []int32{0}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for c := a.nodes[at].child; c != 0; c = a.nodes[c].sibling {
			n := &a.nodes[c]
			if at != 0 {
				n.fallback = a.next(a.nodes[at].fallback, n.by)
			}
			if n.match == 0 {
				n.match = a.nodes[n.fallback].match
			}
			queue = append(queue, c)
		}
	}
}

// next is the state after one more byte.
func (a *automaton) next(state int32, b byte) int32 {
	for state != 0 {
		if c := a.child(state, b); c != 0 {
			return c
		}
		state = a.nodes[state].fallback
	}
	return a.begin[b]
}

func (a *automaton) child(state int32, b byte) int32 {
	if state == 0 {
		return a.begin[b]
	}
	c := a.nodes[state].child
	for c != 0 && a.nodes[c].by != b {
		c = a.nodes[c].sibling
	}
	return c
}

// hold is how many bytes at the end of the text so far may be the beginning of a pattern that goes on.
func (a *automaton) hold(state int32) int {
	for state != 0 && a.nodes[state].child == 0 {
		state = a.nodes[state].fallback
	}
	return int(a.nodes[state].depth)
}
