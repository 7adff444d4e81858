package worker

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// Whatever the sizes of the pieces, nothing is lost or out of order, and a large buffer is held only where the last
// piece was large.
func TestOutputReader(t *testing.T) {
	sizes := []int{1, quietBuffer - 9, quietBuffer - 1, quietBuffer, quietBuffer + 1, copyBuffer, copyBuffer, copyBuffer + 1, 3, 0, 2*copyBuffer + 5, 7, quietBuffer, 1}
	for name, tty := range map[string]bool{"frames": false, "terminal": true} {
		t.Run(name, func(t *testing.T) {
			var sent, output bytes.Buffer
			for n, size := range sizes {
				text := bytes.Repeat([]byte{byte('a' + n)}, size)
				sent.Write(text)
				if !tty {
					output.Write([]byte{byte(dockerapi.Stdout), 0, 0, 0})
					output.Write(binary.BigEndian.AppendUint32(nil, uint32(size)))
				}
				output.Write(text)
			}
			r := newOutputReader(&output, tty)
			defer r.close()
			var got bytes.Buffer
			for {
				framed, stream, err := r.next()
				text := framed[recordHeader:]
				got.Write(text)
				if stream != dockerapi.Stdout {
					t.Fatalf("stream %v", stream)
				}
				if loud := r.loud != nil; len(text) < quietBuffer && loud || len(text) >= quietBuffer && !loud {
					t.Fatalf("after a piece of %d bytes, a large buffer: %v", len(text), loud)
				}
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got.Bytes(), sent.Bytes()) {
				t.Errorf("%d bytes came of %d, or others", got.Len(), sent.Len())
			}
		})
	}
}
