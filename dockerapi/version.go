package dockerapi

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// The versions that are spoken without being told to: every engine from 20.10 (1.41) to the newest accepts one of them.
var (
	minNegotiated = apiVersion{1, 41}
	maxNegotiated = apiVersion{1, 44}
	minPinned     = apiVersion{1, 24} // errors are JSON from here on
)

// apiVersion is a version of the remote API.
type apiVersion struct{ major, minor int }

func parseVersion(s string) (apiVersion, error) {
	major, minor, found := strings.Cut(s, ".")
	if !found {
		return apiVersion{}, fmt.Errorf("parse API version %q: it looks like 1.41", s)
	}
	var v apiVersion
	var err error
	if v.major, err = strconv.Atoi(major); err == nil {
		v.minor, err = strconv.Atoi(minor)
	}
	if err != nil || v.major < 1 || v.minor < 0 {
		return apiVersion{}, fmt.Errorf("parse API version %q: it looks like 1.41", s)
	}
	return v, nil
}

// parsePin accepts what the docker command accepts in DOCKER_API_VERSION: with or without a leading v.
func parsePin(s string) (apiVersion, error) {
	v, err := parseVersion(strings.TrimPrefix(s, "v"))
	if err != nil {
		return v, err
	}
	if v.less(minPinned) {
		return v, fmt.Errorf("pin API version %s: %s is the oldest that is spoken here", v, minPinned)
	}
	return v, nil
}

func (v apiVersion) less(w apiVersion) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

func (v apiVersion) isZero() bool { return v == apiVersion{} }

// String is "1.41", and "" for the zero value.
func (v apiVersion) String() string {
	if v.isZero() {
		return ""
	}
	return fmt.Sprintf("%d.%d", v.major, v.minor)
}

// Negotiated is the version that was fixed, and the engine that it was fixed for.
type Negotiated struct {
	APIVersion    string // the version of every request from now on, for example "1.41"
	EngineVersion string // for example "20.10.24"
	MinAPIVersion string // the oldest that the engine accepts
	MaxAPIVersion string // the newest that the engine accepts
	Pinned        bool   // Config.APIVersion said so
	Changed       bool   // an earlier negotiation of this client came to another version or met another engine version
	Warning       string // "" or why this version is a makeshift: worth a line in a log and a counter
}

// VersionError is an engine that cannot be spoken to, with both ranges.
type VersionError struct {
	WantMin, WantMax     string // what we speak, or the pinned version twice
	EngineMin, EngineMax string // what the engine accepts
	EngineVersion        string
	Pinned               bool
}

func (e *VersionError) Error() string {
	if e.Pinned {
		return fmt.Sprintf("negotiate the API version: pinned to %s, but engine %s accepts %s to %s",
			e.WantMin, e.EngineVersion, e.EngineMin, e.EngineMax)
	}
	return fmt.Sprintf("negotiate the API version: engine %s accepts %s to %s, but %s to %s are spoken here; pin %s to try it all the same",
		e.EngineVersion, e.EngineMin, e.EngineMax, e.WantMin, e.WantMax, e.EngineMax)
}

// Negotiate asks the engine which versions it accepts, fixes the version of all later requests and logs the choice:
// the newest that both speak, within 1.41 to 1.44. An engine whose oldest version is above that is spoken to at its
// oldest, with a warning. A pinned version is only checked.
//
// Call it once at the start, and again after the engine was away: it may have come back as another one.
// A refusal is a [*VersionError]; everything else is an [*Error]. On an error the version stays as it was.
func (c *Client) Negotiate(ctx context.Context) (Negotiated, error) {
	info, err := c.SystemVersion(ctx)
	if err != nil {
		return Negotiated{}, err
	}
	n, chosen, err := choose(info, c.pin)
	if err != nil {
		return Negotiated{}, err
	}

	c.mu.Lock()
	before := c.current
	n.Changed = before.APIVersion != "" && (before.APIVersion != n.APIVersion || before.EngineVersion != n.EngineVersion)
	c.chosen, c.current = chosen, n
	c.mu.Unlock()

	log := c.log.With("host", c.Host(), "apiVersion", n.APIVersion, "engine", n.EngineVersion,
		"accepts", n.MinAPIVersion+" to "+n.MaxAPIVersion, "pinned", n.Pinned)
	switch {
	case n.Warning != "":
		log.Warn("engine is spoken to as well as can be", "warning", n.Warning)
	case n.Changed:
		log.Warn("engine changed", "before", before.EngineVersion, "apiVersionBefore", before.APIVersion)
	case before.APIVersion == "":
		log.Info("engine found")
	}
	return n, nil
}

// choose is the whole policy of versions. It is a pure function.
func choose(info VersionInfo, pin apiVersion) (Negotiated, apiVersion, error) {
	newest, err := parseVersion(info.APIVersion)
	if err != nil {
		return Negotiated{}, apiVersion{}, fmt.Errorf("negotiate the API version: %w", err)
	}
	oldest := newest // engines before 1.25 do not say
	if info.MinAPIVersion != "" {
		if oldest, err = parseVersion(info.MinAPIVersion); err != nil {
			return Negotiated{}, apiVersion{}, fmt.Errorf("negotiate the API version: %w", err)
		}
	} else if !pin.isZero() && pin.less(oldest) {
		oldest = pin
	}
	n := Negotiated{
		EngineVersion: info.Version,
		MinAPIVersion: oldest.String(),
		MaxAPIVersion: newest.String(),
		Pinned:        !pin.isZero(),
	}
	refused := &VersionError{
		WantMin: minNegotiated.String(), WantMax: maxNegotiated.String(),
		EngineMin: n.MinAPIVersion, EngineMax: n.MaxAPIVersion, EngineVersion: info.Version, Pinned: n.Pinned,
	}
	chosen := maxNegotiated
	switch {
	case n.Pinned:
		if pin.less(oldest) || newest.less(pin) {
			refused.WantMin, refused.WantMax = pin.String(), pin.String()
			return Negotiated{}, apiVersion{}, refused
		}
		chosen = pin
	case newest.less(minNegotiated):
		return Negotiated{}, apiVersion{}, refused
	case maxNegotiated.less(oldest):
		chosen = oldest
		n.Warning = fmt.Sprintf("engine %s accepts nothing below API %s; this client was tested up to %s", info.Version, oldest, maxNegotiated)
	case newest.less(maxNegotiated):
		chosen = newest
	}
	n.APIVersion = chosen.String()
	return n, chosen, nil
}

// APIVersion is the version of every request: the pinned one, or what [Client.Negotiate] fixed; "" before that.
// The first call of a client that has none negotiates by itself.
func (c *Client) APIVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chosen.String()
}

// version is the fixed version, negotiated now where nobody did before.
func (c *Client) version(ctx context.Context) (apiVersion, error) {
	c.mu.Lock()
	chosen := c.chosen
	c.mu.Unlock()
	if !chosen.isZero() {
		return chosen, nil
	}
	if _, err := c.Negotiate(ctx); err != nil {
		return apiVersion{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chosen, nil
}
