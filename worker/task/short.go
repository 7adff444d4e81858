package task

import (
	"bytes"
	"encoding/json"
)

// Several values have a short form and a long one: a text or a number for the usual case, an object for the rest. The
// schema has checked which it is.

func isObject(text []byte) bool { return bytes.HasPrefix(text, []byte("{")) }

// UnmarshalJSON reads "name" or {"type": …, "name": "name"}. Parse looks at what the name says.
func (i *Image) UnmarshalJSON(text []byte) error {
	if !isObject(text) {
		return json.Unmarshal(text, &i.Name)
	}
	long := struct{ Name string }{}
	err := json.Unmarshal(text, &long)
	i.Name = long.Name
	return err
}

// MarshalJSON writes the short form.
func (i Image) MarshalJSON() ([]byte, error) { return json.Marshal(i.Name) }

// UnmarshalJSON reads "value" or {"sealed": "…"}.
func (v *Variable) UnmarshalJSON(text []byte) error {
	if !isObject(text) {
		return json.Unmarshal(text, &v.Value)
	}
	long := struct{ Sealed string }{}
	err := json.Unmarshal(text, &long)
	v.Sealed = long.Sealed
	return err
}

// MarshalJSON writes what UnmarshalJSON reads.
func (v Variable) MarshalJSON() ([]byte, error) {
	if v.Sealed == "" {
		return json.Marshal(v.Value)
	}
	return json.Marshal(struct {
		Sealed string `json:"sealed"`
	}{v.Sealed})
}

// UnmarshalJSON reads 4096 or {"soft": 1024, "hard": 4096}.
func (u *Ulimit) UnmarshalJSON(text []byte) error {
	if !isObject(text) {
		err := json.Unmarshal(text, &u.Soft)
		u.Hard = u.Soft
		return err
	}
	type long Ulimit
	return json.Unmarshal(text, (*long)(u))
}

// UnmarshalJSON reads "name" or {"maxSize": …, "url": …}.
func (l *Log) UnmarshalJSON(text []byte) error {
	if !isObject(text) {
		return json.Unmarshal(text, &l.Name)
	}
	type long Log
	return json.Unmarshal(text, (*long)(l))
}

// MarshalJSON writes what UnmarshalJSON reads.
func (l Log) MarshalJSON() ([]byte, error) {
	if l.Name != "" {
		return json.Marshal(l.Name)
	}
	type long Log
	return json.Marshal(long(l))
}
