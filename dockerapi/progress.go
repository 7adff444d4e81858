package dockerapi

import (
	"encoding/json"
	"errors"
	"io"
)

// maxStreamMessage is more than any message of a pull or a load.
const maxStreamMessage = 1 << 20

// errLongMessage is a message that no engine sends.
var errLongMessage = errors.New("a message of the stream is longer than 1 MiB")

// streamMessage is one object of the stream that a pull or a load answers with: after 200 has been said, this is
// where errors arrive.
type streamMessage struct {
	Stream         string `json:"stream"` // of a load: "Loaded image: name:tag\n"
	Status         string `json:"status"`
	ID             string `json:"id"`
	ProgressDetail struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Error       string `json:"error"` // deprecated in API 1.48; podman sends it alone
	ErrorDetail *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"errorDetail"`
}

// failure is the message of an error, "" when this is none.
func (m streamMessage) failure() string {
	if m.ErrorDetail != nil && m.ErrorDetail.Message != "" {
		return m.ErrorDetail.Message
	}
	if m.ErrorDetail != nil && m.Error == "" {
		return "error without a message"
	}
	return m.Error
}

// messageStream reads objects, with or without line ends between them, with a limit for each.
type messageStream struct {
	limited *io.LimitedReader
	dec     *json.Decoder
}

func newMessageStream(r io.Reader) *messageStream {
	limited := &io.LimitedReader{R: r, N: maxStreamMessage}
	return &messageStream{limited: limited, dec: json.NewDecoder(limited)}
}

// next is io.EOF at the end between two messages.
func (s *messageStream) next(m any) error {
	s.limited.N = maxStreamMessage
	err := s.dec.Decode(m)
	if err != nil && s.limited.N <= 0 {
		return errLongMessage
	}
	return err
}
