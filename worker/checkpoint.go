package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// checkpoint says how far a relay has come, so that the relay of the next process goes on there. It is written when a
// batch is made and before it is published: after a crash the very same batch is published again, with the same message
// ids, and receivers can drop what they have. It is written again when all is confirmed and the task is silent: a worker
// that leaves has mostly nothing that the next one repeats.
type checkpoint struct {
	Offset   int64 // in the journal: all before it is published and confirmed
	Sequence int64 // of the last message before Offset
	Urgent   int64 // events before Offset
	Logged   int64 // log bytes before Offset
	Until    int64 // end of the batch that may have been published in part
}

// checkpointSuffix is what a checkpoint's name has behind its journal's.
const checkpointSuffix = ".relay"

// checkpointFile keeps one checkpoint, beside the journal. A nil one keeps nothing.
type checkpointFile struct{ file *os.File }

// openCheckpoint opens the checkpoint of the journal at path and reads it; fresh discards what is there.
func openCheckpoint(path string, fresh bool) (*checkpointFile, checkpoint, error) {
	flags := os.O_RDWR | os.O_CREATE
	if fresh {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(path+checkpointSuffix, flags, 0o600)
	if err != nil {
		return nil, checkpoint{}, fmt.Errorf("open the relay's checkpoint: %w", err)
	}
	var c checkpoint
	err = binary.Read(io.NewSectionReader(file, 0, 1<<10), binary.BigEndian, &c)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		file.Close()
		return nil, checkpoint{}, fmt.Errorf("read the relay's checkpoint: %w", err)
	}
	if err != nil {
		c = checkpoint{}
	}
	return &checkpointFile{file}, c, nil
}

// save replaces the checkpoint. It is one small write into the page cache, which survives the process, not the host.
func (f *checkpointFile) save(c checkpoint) error {
	if f == nil {
		return nil
	}
	text, err := binary.Append(make([]byte, 0, 40), binary.BigEndian, c)
	if err != nil {
		return err
	}
	_, err = f.file.WriteAt(text, 0)
	return err
}

// remove closes the file and removes it.
func (f *checkpointFile) remove() error {
	if f == nil {
		return nil
	}
	err := os.Remove(f.file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.file.Close())
}
