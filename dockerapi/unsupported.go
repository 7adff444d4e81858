package dockerapi

import (
	"context"
	"fmt"
	"reflect"
)

// UnsupportedError is a field or call that the negotiated API version does not have. The engine would drop the field
// without a word, so the request is not sent.
type UnsupportedError struct {
	Field      string // for example "HostConfig.Annotations"; "" when it is the call itself
	Since      string // the first API version that has it
	APIVersion string // the negotiated or pinned one
}

func (e *UnsupportedError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("needs API version %s, the engine is spoken to at %s", e.Since, e.APIVersion)
	}
	return fmt.Sprintf("%s needs API version %s, the engine is spoken to at %s", e.Field, e.Since, e.APIVersion)
}

// require refuses a request whose options hold a field that is newer than the version that is spoken.
func (c *Client) require(ctx context.Context, r request, options any) error {
	version, err := c.version(ctx)
	if err != nil {
		return err
	}
	if field, since := newerField(reflect.ValueOf(options), version); field != "" {
		return r.invalid(&UnsupportedError{Field: field, Since: since.String(), APIVersion: version.String()})
	}
	return nil
}

// requireCall refuses a call that is newer than the version that is spoken.
func (c *Client) requireCall(ctx context.Context, r request, since apiVersion) error {
	version, err := c.version(ctx)
	if err != nil {
		return err
	}
	if version.less(since) {
		return r.invalid(&UnsupportedError{Since: since.String(), APIVersion: version.String()})
	}
	return nil
}

// newerField finds the first field that is set and whose `since` tag is above the version.
func newerField(v reflect.Value, version apiVersion) (string, apiVersion) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return newerField(v.Elem(), version)
		}
	case reflect.Slice:
		if !mayHoldFields(v.Type().Elem()) {
			break
		}
		for i := range v.Len() {
			if field, since := newerField(v.Index(i), version); field != "" {
				return fmt.Sprintf("[%d].%s", i, field), since
			}
		}
	case reflect.Struct:
		return newerFieldOfStruct(v, version)
	}
	return "", apiVersion{}
}

func newerFieldOfStruct(v reflect.Value, version apiVersion) (string, apiVersion) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || v.Field(i).IsZero() {
			continue
		}
		if tag := field.Tag.Get("since"); tag != "" {
			// A tag that does not parse is the zero version, and a test finds it.
			if since, _ := parseVersion(tag); version.less(since) {
				return field.Name, since
			}
		}
		if inner, since := newerField(v.Field(i), version); inner != "" {
			separator := "."
			if inner[0] == '[' {
				separator = ""
			}
			return field.Name + separator + inner, since
		}
	}
	return "", apiVersion{}
}

// mayHoldFields spares the walk through lists of strings.
func mayHoldFields(t reflect.Type) bool {
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer
}
