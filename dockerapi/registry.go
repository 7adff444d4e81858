package dockerapi

import (
	"net/http"
	"strings"
)

// registryFailure tells what a failed pull means. The engine passes on what the registry said, as text, under 404, 500
// or 200, as it likes: Docker 20.10 answers 500 to everything, 26 answers 404 to an image that does not exist, podman
// answers 200. So the text decides, and this is the only place where it is read. What is not recognised is temporary
// when the engine calls it its own error (5xx) or said it in mid-stream, else permanent.
func registryFailure(status int, message string) kind {
	m := strings.ToLower(message)
	for _, phrase := range registryPhrases {
		if strings.Contains(m, phrase.text) {
			return phrase.kind
		}
	}
	switch {
	case status == http.StatusOK, status >= 500 && status != http.StatusNotImplemented:
		return kindTemporary
	}
	return kindStatus
}

// registryPhrases in their order: the first that is found counts. Trouble comes first, because a message about it often
// ends with the name of what could not be found out.
var registryPhrases = []struct {
	text string
	kind kind
}{
	{"toomanyrequests", kindTemporary},
	{"too many requests", kindTemporary},
	{"connection refused", kindTemporary},
	{"connection reset", kindTemporary},
	{"no such host", kindTemporary},
	{"i/o timeout", kindTemporary},
	{"timeout", kindTemporary},
	{"temporary failure", kindTemporary},
	{"service unavailable", kindTemporary},
	{"bad gateway", kindTemporary},
	{"internal server error", kindTemporary},
	{"no space left on device", kindTemporary},
	{"unexpected eof", kindTemporary},

	// "pull access denied for x, repository does not exist or may require 'docker login'"
	{"access denied", kindDenied},
	{"access to the resource is denied", kindDenied},
	{"unauthorized", kindDenied},
	{"authentication required", kindDenied},
	{"no basic auth credentials", kindDenied},
	{"forbidden", kindDenied},
	{"denied:", kindDenied},

	{"manifest unknown", kindNotFound},
	{"name unknown", kindNotFound},
	{"not found", kindNotFound},
	{"does not exist", kindNotFound},
	{"no matching manifest", kindNotFound},
	{"does not match the specified platform", kindNotFound},
}
