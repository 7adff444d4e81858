package mask

// A Stream masks text that comes in pieces. It holds back no more than the end of the text that may be the beginning of
// a secret, if need be until End: text that ends like no secret begins, in white space for instance, is never delayed.
// It is not safe for use by several goroutines.
type Stream struct {
	automaton *automaton
	state     int32
	held      []byte // what may yet turn out to be part of a secret
	covered   []span // of held and the piece at hand: parts of secrets, in order, apart from each other
	marked    bool   // the last byte before held was part of a secret: its mark covers what follows at once
}

// span is a range of bytes, counted from the first that is held.
type span struct{ from, to int }

// Mask appends to dst what is certain after src has come, and returns it. It keeps nothing of src, and allocates only
// where dst is too small or more is held than ever before.
func (s *Stream) Mask(dst, src []byte) []byte {
	s.search(src)
	return s.settle(dst, src, len(s.held)+len(src)-s.automaton.hold(s.state))
}

// End appends to dst what was held back. A secret that was cut off by the end is masked as well, if MinLength of its
// bytes were there. The Stream is as new afterwards.
func (s *Stream) End(dst []byte) []byte {
	if n := s.automaton.hold(s.state); n >= MinLength {
		s.cover(len(s.held)-n, len(s.held))
	}
	return s.rest(dst)
}

// rest appends what is held as it is, and begins anew.
func (s *Stream) rest(dst []byte) []byte {
	dst = s.settle(dst, nil, len(s.held))
	s.state, s.marked = 0, false
	return dst
}

// search finds what ends within src.
func (s *Stream) search(src []byte) {
	a, state := s.automaton, s.state
	for i := 0; i < len(src); i++ {
		if state == 0 {
			for a.begin[src[i]] == 0 {
				if i++; i == len(src) {
					s.state = 0
					return
				}
			}
		}
		state = a.next(state, src[i])
		if n := a.nodes[state].match; n > 0 {
			end := len(s.held) + i + 1
			s.cover(end-int(n), end)
		}
	}
	s.state = state
}

// cover notes that from to to is part of a secret. No call has a smaller to than one before.
func (s *Stream) cover(from, to int) {
	last := len(s.covered) - 1
	for ; last >= 0 && s.covered[last].to >= from; last-- {
		from = min(from, s.covered[last].from)
	}
	s.covered = append(s.covered[:last+1], span{from, to})
}

// settle appends the first n bytes of held and src, masked, and holds the rest.
func (s *Stream) settle(dst, src []byte, n int) []byte {
	at, later := 0, s.covered[:0]
	for _, c := range s.covered {
		if c.from < n {
			dst = s.plain(dst, src, at, c.from)
			if !s.marked {
				dst = append(dst, Mark...)
			}
			s.marked = true
			at = min(c.to, n)
		}
		if c.to > n {
			later = append(later, span{max(c.from-n, 0), c.to - n})
		}
	}
	s.covered = later
	dst = s.plain(dst, src, at, n)
	if n < len(s.held) {
		s.held = s.held[:copy(s.held, s.held[n:])]
		n = 0
	} else {
		n -= len(s.held)
		s.held = s.held[:0]
	}
	s.held = append(s.held, src[n:]...)
	return dst
}

// plain appends the bytes from from to to, of held and src, as they are.
func (s *Stream) plain(dst, src []byte, from, to int) []byte {
	if from == to {
		return dst
	}
	s.marked = false
	h := len(s.held)
	dst = append(dst, s.held[min(from, h):min(to, h)]...)
	return append(dst, src[max(from-h, 0):max(to-h, 0)]...)
}
