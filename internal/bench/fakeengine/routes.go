package fakeengine

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// apiVersion is all that is spoken here.
const apiVersion = "1.41"

// imageID is that of all images.
const imageID = "sha256:fa4e0000000000000000000000000000000000000000000000000000000000fa"

var versionPrefix = regexp.MustCompile(`^/v1\.\d+/`)

// routes are the calls that a worker makes. What is missing is answered with 404.
func (e *Engine) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", apiVersion)
		_, _ = io.WriteString(w, "OK")
	})
	constant(mux, "GET /version", map[string]any{"Version": "fake", "ApiVersion": apiVersion, "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64"})
	constant(mux, "GET /info", map[string]any{"ID": "fake", "ServerVersion": "fake", "OSType": "linux", "NCPU": 2, "MemTotal": 8 << 30,
		"CgroupVersion": "2", "MemoryLimit": true, "SwapLimit": true, "PidsLimit": true})
	constant(mux, "GET /images/json", []any{})
	constant(mux, "GET /networks", []any{})
	constant(mux, "GET /volumes", map[string]any{"Volumes": []any{}})
	constant(mux, "GET /images/{name...}", map[string]any{"Id": imageID, "Os": "linux", "Architecture": "amd64", "Config": map[string]any{"Cmd": []string{"true"}}})

	mux.HandleFunc("GET /containers/json", e.list)
	mux.HandleFunc("POST /containers/create", e.create)
	e.about(mux, "GET /containers/{id}/json", func(w http.ResponseWriter, _ *http.Request, c *container) { answer(w, 200, c.inspection()) })
	e.about(mux, "GET /containers/{id}/stats", e.stats)
	e.about(mux, "POST /containers/{id}/attach", e.attach)
	e.about(mux, "POST /containers/{id}/wait", e.wait)
	e.about(mux, "POST /containers/{id}/start", e.change(http.StatusNotModified, (*container).start))
	e.about(mux, "POST /containers/{id}/stop", e.change(http.StatusNotModified, func(c *container) bool { return c.end(143) }))
	e.about(mux, "POST /containers/{id}/kill", e.change(http.StatusConflict, func(c *container) bool { return c.end(137) }))
	e.about(mux, "DELETE /containers/{id}", e.remove)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if prefix := versionPrefix.FindString(r.URL.Path); prefix != "" {
			r.URL.Path = r.URL.Path[len(prefix)-1:]
		}
		mux.ServeHTTP(w, r)
	})
}

func constant(mux *http.ServeMux, pattern string, body any) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, body) })
}

// about is a route whose container must exist, by its id or its name.
func (e *Engine) about(mux *http.ServeMux, pattern string, do func(http.ResponseWriter, *http.Request, *container)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if c := e.find(r.PathValue("id")); c != nil {
			do(w, r, c)
			return
		}
		refuse(w, http.StatusNotFound, fmt.Errorf("%w: %s", errGone, r.PathValue("id")))
	})
}

// change is a handler of what a container takes or not.
func (e *Engine) change(otherwise int, do func(*container) bool) func(http.ResponseWriter, *http.Request, *container) {
	return func(w http.ResponseWriter, _ *http.Request, c *container) {
		status := http.StatusNoContent
		if !do(c) {
			status = otherwise
		}
		e.mu.Lock()
		e.announce()
		e.mu.Unlock()
		w.WriteHeader(status)
	}
}

func (e *Engine) find(id string) *container {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.containers[id]; c != nil {
		return c
	}
	return e.named[id]
}

func (e *Engine) list(w http.ResponseWriter, r *http.Request) {
	var filters struct{ Label []string }
	if text := r.URL.Query().Get("filters"); text != "" {
		if err := json.Unmarshal([]byte(text), &filters); err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
	}
	list := []any{}
	e.mu.Lock()
	for _, c := range e.containers {
		if c.matches(filters.Label) && (r.URL.Query().Has("all") || c.state() == running) {
			list = append(list, c.summary())
		}
	}
	e.mu.Unlock()
	answer(w, http.StatusOK, list)
}

// matches tells whether a container has all labels, each a key or a key=value.
func (c *container) matches(labels []string) bool {
	for _, label := range labels {
		key, value, valued := strings.Cut(label, "=")
		if has, ok := c.config.Labels[key]; !ok || valued && has != value {
			return false
		}
	}
	return true
}

func (e *Engine) create(w http.ResponseWriter, r *http.Request) {
	c := &container{name: r.URL.Query().Get("name"), created: time.Now(), begun: make(chan struct{}), ended: make(chan struct{})}
	if err := json.NewDecoder(r.Body).Decode(&c.config); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.name != "" && e.named[c.name] != nil {
		refuse(w, http.StatusConflict, fmt.Errorf("the name %s is in use", c.name))
		return
	}
	e.made++
	c.id = fmt.Sprintf("%064x", e.made)
	e.containers[c.id], e.named[c.name] = c, c
	answer(w, http.StatusCreated, map[string]any{"Id": c.id, "Warnings": []string{}})
}

func (e *Engine) remove(w http.ResponseWriter, _ *http.Request, c *container) {
	c.vanish()
	e.mu.Lock()
	delete(e.containers, c.id)
	if e.named[c.name] == c {
		delete(e.named, c.name)
	}
	e.announce()
	e.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (e *Engine) stats(w http.ResponseWriter, _ *http.Request, _ *container) {
	e.mu.Lock()
	e.samples++
	e.announce()
	e.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{
		"read":         stamp(time.Now()),
		"cpu_stats":    map[string]any{"cpu_usage": map[string]any{"total_usage": 1e6}},
		"memory_stats": map[string]any{"usage": 1 << 20, "max_usage": 1 << 20, "limit": 1 << 30},
		"networks":     map[string]any{"eth0": map[string]any{"rx_bytes": 0, "tx_bytes": 0}},
	})
}
