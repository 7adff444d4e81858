package dockerapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorText(t *testing.T) {
	for want, err := range map[string]*Error{
		"ContainerStop (POST /containers/x/stop): no such container (status 404)": {Op: "ContainerStop", Method: "POST", Path: "/containers/x/stop", StatusCode: 404, Message: "no such container"},
		"ContainerStop (POST /containers/x/stop): not found (status 404)":         {Op: "ContainerStop", Method: "POST", Path: "/containers/x/stop", StatusCode: 404},
		"ImageCreate (POST /images/create): denied":                               {Op: "ImageCreate", Method: "POST", Path: "/images/create", StatusCode: 200, Message: "denied"},
		"ImageCreate: empty id":                {Op: "ImageCreate", Err: ErrEmptyID},
		"A (GET /b): c: empty id (status 500)": {Op: "A", Method: "GET", Path: "/b", StatusCode: 500, Message: "c", Err: ErrEmptyID},
	} {
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestErrorMessage(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for body, want := range map[string]string{
		`{"message":"no such container: x"}`: "no such container: x",
		"No such container: x\r\n":           "No such container: x",
		`{"cause":"a","response":500}`:       `{"cause":"a","response":500}`,
		"":                                   "",
		"\xff\xfe":                           "�",
		long:                                 long[:maxMessage] + "…",
	} {
		if got := errorMessage([]byte(body)); got != want {
			t.Errorf("%.40q: %.80q, want %.80q", body, got, want)
		}
	}
}

func FuzzErrorMessage(f *testing.F) {
	f.Add([]byte(`{"message":"no such container"}`))
	f.Add([]byte("No such container\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if got := errorMessage(body); len(got) > 3*maxMessage+len("…") || strings.ToValidUTF8(got, "") != got {
			t.Errorf("%q", got)
		}
	})
}

// Credentials and addresses stay out of errors and logs.
func TestErrorsKeepSecrets(t *testing.T) {
	auth := &RegistryAuth{Username: "me", Password: "hunter2", IdentityToken: "hunter2"}
	for _, text := range []string{fmt.Sprint(*auth), fmt.Sprintf("%v %+v %#v %s", auth, *auth, *auth, auth), auth.LogValue().String()} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "me") {
			t.Errorf("formatted: %s", text)
		}
	}
	c, err := New(Config{Host: "tcp://127.0.0.1:1", APIVersion: "1.41"})
	if err != nil {
		t.Fatal(err)
	}
	err = c.ImagePull(t.Context(), "registry.example/x?token=hunter2", PullOptions{Auth: auth})
	if err == nil {
		t.Error("a reference with a query")
	}
	_, err = c.ContainerCreate(t.Context(), "hunter2", ContainerConfig{Env: []string{"hunter2"}})
	if !IsUnavailable(err) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("create: %v", err)
	}
}

// The transport's own error of an address that cannot be is an error of the request.
func TestVersionRefused(t *testing.T) {
	for message, want := range map[string]bool{
		"client version 1.39 is too old. Minimum supported API version is 1.40, please upgrade your client to a newer version": true,
		"client version 1.99 is too new. Maximum supported API version is 1.41":                                                true,
		"invalid reference format": false,
	} {
		c := newest(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			return respond(req, http.StatusBadRequest, `{"message":"`+message+`"}`), nil
		}))
		_, err := c.ContainerInspect(t.Context(), "x")
		if IsVersionRefused(err) != want {
			t.Errorf("%q: %v", message, err)
		}
	}
}

// Predicates are false about other people's errors.
func TestPredicatesOfOthers(t *testing.T) {
	for _, err := range []error{nil, errors.New("x")} {
		for _, is := range []func(error) bool{IsNotFound, IsDenied, IsConflict, IsNotModified, IsInvalid, IsUnavailable, IsVersionRefused, IsTemporary, IsRetryable, IsCommandNotFound, IsCommandNotExecutable} {
			if is(err) {
				t.Errorf("a predicate holds for %v", err)
			}
		}
	}
}

func TestStartFailure(t *testing.T) {
	for message, want := range map[string]kind{
		`runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown`:                         kindNoCommand,
		`runc create failed: unable to start container process: exec: "/nosuch": stat /nosuch: no such file or directory: unknown`:                   kindNoCommand,
		"crun: executable file `nosuch` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found": kindNoCommand,
		`runc create failed: unable to start container process: exec: "/bin": permission denied: unknown`:                                            kindNotExecutable,
		`exec /x: exec format error`:                                     kindNotExecutable,
		`unable to find user nobody: no matching entries in passwd file`: kindStatus,
		`error mounting "/x" to rootfs: no such file or directory`:       kindStatus,
		`exec: something else`:                                           kindStatus,
	} {
		if got := startFailure(message); got != want {
			t.Errorf("%q: %d, want %d", message, got, want)
		}
	}
}
