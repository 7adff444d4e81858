package dockerapi

import (
	"errors"
	"net/http"
	"strings"
)

// status is the engine's status, or 0.
func status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.StatusCode
	}
	return 0
}

// kindOf is what the error means beside its status.
func kindOf(err error) kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.kind
	}
	return kindStatus
}

// IsNotFound tells that the container, image, network … does not exist. For a pull: the registry has no such image.
func IsNotFound(err error) bool {
	return kindOf(err) == kindNotFound || status(err) == http.StatusNotFound && kindOf(err) == kindStatus
}

// IsDenied tells that a registry refused a pull for lack of credentials or rights. Docker Hub and others say so about
// images that do not exist as well. It also holds for 401 and 403 of the engine.
func IsDenied(err error) bool {
	s := status(err)
	return kindOf(err) == kindDenied || kindOf(err) == kindStatus && (s == http.StatusUnauthorized || s == http.StatusForbidden)
}

// IsConflict tells that a name is taken, or that the container is in a state that forbids the call.
// (podman answers 500 to a name that is taken.)
func IsConflict(err error) bool { return status(err) == http.StatusConflict }

// IsNotModified tells that the container was already in the state that was asked for. The methods that a worker calls
// take that as success themselves.
func IsNotModified(err error) bool { return status(err) == http.StatusNotModified }

// IsInvalid tells that the request itself is wrong: 400, or refused by this package.
func IsInvalid(err error) bool {
	return kindOf(err) == kindInvalid || status(err) == http.StatusBadRequest && kindOf(err) == kindStatus
}

// IsUnavailable tells that the engine cannot be reached, went away in the middle of the call, or said 503. What the
// call did, if anything, is not known. It is false when the context of the call ended.
func IsUnavailable(err error) bool {
	return kindOf(err) == kindUnreachable || status(err) == http.StatusServiceUnavailable
}

// IsVersionRefused tells that the engine does not accept the API version: negotiate again.
// There is no code for it: it is a 400 whose message is the same since 2015.
func IsVersionRefused(err error) bool {
	if _, ok := errors.AsType[*VersionError](err); ok {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	return ok && e.StatusCode == http.StatusBadRequest && strings.HasPrefix(e.Message, "client version ") &&
		(strings.Contains(e.Message, "is too old") || strings.Contains(e.Message, "is too new"))
}

// IsTemporary tells that the trouble is not the caller's and may be over later: the engine or a registry is not
// reachable, is overloaded (429) or broken (5xx), or a stream broke off or fell silent. It says nothing about whether
// the call may be repeated: that is [IsRetryable].
func IsTemporary(err error) bool {
	switch kindOf(err) {
	case kindUnreachable, kindTemporary:
		return true
	case kindStatus:
		s := status(err)
		return s == http.StatusTooManyRequests || s >= 500 && s != http.StatusNotImplemented
	}
	return false
}

// IsRetryable tells that the very same call may be repeated: the trouble is temporary, and doing it twice does no harm
// (reading, removing, stopping, waiting, pulling). Create and start are not among them: look first, by name, whether
// the first one worked.
func IsRetryable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.idempotent && IsTemporary(err)
}

// IsCommandNotFound tells that a container did not start because its command does not exist: 127 for a shell.
func IsCommandNotFound(err error) bool { return kindOf(err) == kindNoCommand }

// IsCommandNotExecutable tells that a container did not start because its command cannot be executed: 126 for a shell.
func IsCommandNotExecutable(err error) bool { return kindOf(err) == kindNotExecutable }
