package worker

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/docker-worker/docker-worker/dockerapi"
)

// engineAnswer is the error behind an engine's answer with the given status.
func engineAnswer(status int) error {
	return &dockerapi.Error{Op: "Test", StatusCode: status, Message: fmt.Sprintf("the engine answers %d", status)}
}

// roundTrip is an HTTP transport that needs no network.
type roundTrip func(r *http.Request) (status int, body string)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := f(r)
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// startRefused is what a client makes of a start that fails, when the container tells the exit code afterwards.
func startRefused(t testing.TB, exitCode int) error {
	t.Helper()
	client, err := dockerapi.New(dockerapi.Config{APIVersion: "1.41", Transport: roundTrip(func(r *http.Request) (int, string) {
		if r.Method == http.MethodPost {
			return http.StatusBadRequest, `{"message": "OCI runtime create failed"}`
		}
		return http.StatusOK, fmt.Sprintf(`{"Id": "c", "State": {"Status": "created", "ExitCode": %d}}`, exitCode)
	})})
	if err != nil {
		t.Fatal(err)
	}
	err = client.ContainerStart(t.Context(), "c")
	if _, ok := errors.AsType[*dockerapi.Error](err); !ok {
		t.Fatalf("a start that is refused: %v", err)
	}
	return err
}
