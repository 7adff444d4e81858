package dockerapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// frame is a frame as an engine sends it.
func frame(s Stream, payload string) []byte {
	n := len(payload)
	return append([]byte{byte(s), 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, payload...)
}

// readAllFrames reads with a buffer of a size, and joins neighbours of the same stream.
func readAllFrames(r io.Reader, size int) (chunks []string, err error) {
	f := NewFrameReader(r)
	last := Stream(255)
	for p := make([]byte, size); ; {
		n, s, err := f.Read(p)
		if n > 0 && s == last {
			chunks[len(chunks)-1] += string(p[:n])
		} else if n > 0 {
			chunks = append(chunks, s.String()+":"+string(p[:n]))
			last = s
		}
		if err != nil {
			return chunks, err
		}
	}
}

func TestFrameReader(t *testing.T) {
	whole := bytes.Join([][]byte{frame(Stdout, "one"), frame(Stderr, ""), frame(Stderr, "two"), frame(Stdout, ""), frame(SystemErr, "three")}, nil)
	want := []string{"stdout:one", "stderr:two", "systemerr:three"}
	for name, r := range map[string]func() io.Reader{
		"whole":          func() io.Reader { return bytes.NewReader(whole) },
		"byte by byte":   func() io.Reader { return iotest.OneByteReader(bytes.NewReader(whole)) },
		"data with EOF":  func() io.Reader { return iotest.DataErrReader(bytes.NewReader(whole)) },
		"half of a read": func() io.Reader { return iotest.HalfReader(bytes.NewReader(whole)) },
	} {
		for _, size := range []int{1, 2, 3, 100} {
			got, err := readAllFrames(r(), size)
			if err != io.EOF {
				t.Errorf("%s, %d bytes: %v, want io.EOF", name, size, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %d bytes: %s", name, size, diff)
			}
		}
	}
}

func TestFrameReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		in   io.Reader
		want error
	}{
		"empty":            {bytes.NewReader(nil), io.EOF},
		"half a header":    {bytes.NewReader([]byte{1, 0, 0}), io.ErrUnexpectedEOF},
		"header alone":     {bytes.NewReader(frame(Stdout, "abc")[:8]), io.ErrUnexpectedEOF},
		"half a second":    {bytes.NewReader(append(frame(Stdout, "a"), 1, 0, 0)), io.ErrUnexpectedEOF},
		"half a payload":   {bytes.NewReader(frame(Stdout, "abc")[:10]), io.ErrUnexpectedEOF},
		"half, with EOF":   {iotest.DataErrReader(bytes.NewReader(frame(Stdout, "abc")[:10])), io.ErrUnexpectedEOF},
		"the reader's own": {io.MultiReader(bytes.NewReader(frame(Stdout, "abc")), iotest.ErrReader(broken)), broken},
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFrameReader(test.in)
			p := make([]byte, 9) // room for a header after one byte
			var err error
			for err == nil {
				_, _, err = f.Read(p)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if _, _, again := f.Read(p); again != err {
				t.Errorf("after the error: %v, want the same again", again)
			}
		})
	}
}

// The output of a terminal, read as frames, is found out before anything is allocated for it.
func TestFrameReaderRefusesTerminal(t *testing.T) {
	for _, in := range []string{"hello, terminal\r\n", "\x01\x00\x00\x00\xff\xff\xff\xff", "\x01\x00\x00\x01\x00\x00\x00\x01", "\x04\x00\x00\x00\x00\x00\x00\x01"} {
		_, err := readAllFrames(bytes.NewReader([]byte(in)), 10)
		if e, ok := errors.AsType[*FrameError](err); !ok || e.Error() == "" {
			t.Errorf("%q: %v, want a FrameError", in, err)
		}
	}
}

// A frame as large as engines send costs one read, and comes in one piece.
func TestFrameReaderReadsALargeFrameOnce(t *testing.T) {
	const frames, size = 20, 32 << 10
	in := &countingReader{r: bytes.NewReader(bytes.Repeat(frame(Stdout, string(make([]byte, size))), frames))}
	f := NewFrameReader(bufio.NewReaderSize(in, 4<<10))
	p := make([]byte, size+8)
	for i := range frames {
		if n, _, err := f.Read(p); n != size || err != nil {
			t.Fatalf("frame %d: %d bytes, %v", i, n, err)
		}
	}
	if in.reads > frames+1 { // the first header is one more
		t.Errorf("%d reads for %d frames", in.reads, frames)
	}
}

type countingReader struct {
	r     io.Reader
	reads int
}

func (c *countingReader) Read(p []byte) (int, error) {
	c.reads++
	return c.r.Read(p)
}

func TestFrameReaderDoesNotAllocate(t *testing.T) {
	whole := bytes.Repeat(frame(Stdout, "some bytes of a log line\n"), 1000)
	r := bytes.NewReader(whole)
	f := NewFrameReader(r)
	p := make([]byte, 32<<10)
	if n := testing.AllocsPerRun(500, func() {
		if _, _, err := f.Read(p); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per read", n)
	}
	if n, _, err := f.Read(nil); n != 0 || err != nil {
		t.Errorf("read into nothing: %d, %v", n, err)
	}
}

// However a stream is cut into reads, and however small the buffer, the bytes and their streams are the same.
func FuzzFrameReader(f *testing.F) {
	f.Add(frame(Stdout, "abc"), uint8(1), uint8(1))
	f.Add(append(frame(Stdout, "abc"), frame(Stderr, "")...), uint8(2), uint8(7))
	f.Add([]byte("no frames"), uint8(3), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, size, cut uint8) {
		want, wantErr := readAllFrames(bytes.NewReader(in), 1<<16)
		got, err := readAllFrames(&cutReader{in, int(cut) + 1}, int(size)+1)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if err.Error() != wantErr.Error() {
			t.Errorf("%v, whole: %v", err, wantErr)
		}
	})
}

// cutReader gives n bytes at most.
type cutReader struct {
	rest []byte
	n    int
}

func (r *cutReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.n)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestStreamString(t *testing.T) {
	got := []string{Stdin.String(), Stdout.String(), Stderr.String(), SystemErr.String(), Stream(9).String()}
	if diff := cmp.Diff([]string{"stdin", "stdout", "stderr", "systemerr", "stream 9"}, got); diff != "" {
		t.Error(diff)
	}
}
