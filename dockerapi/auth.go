package dockerapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
)

// RegistryAuth are the credentials for one registry: a user and a password, or one of the tokens.
type RegistryAuth struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"` // exchanged at the registry for access
	RegistryToken string `json:"registrytoken,omitempty"` // sent to the registry as it is
}

// header encodes the credentials for X-Registry-Auth: base64url with padding. Any other base64 works only until a
// password makes a "+" or a "/", and then the engine ignores it without a word.
func (a RegistryAuth) header() string {
	encoded, _ := json.Marshal(a) // five strings always encode
	return base64.URLEncoding.EncodeToString(encoded)
}

// Format keeps the secrets out of every fmt verb.
func (a RegistryAuth) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "credentials of %q for %q", a.Username, a.ServerAddress)
}

// LogValue keeps the secrets out of logs.
func (a RegistryAuth) LogValue() slog.Value {
	return slog.GroupValue(slog.String("username", a.Username), slog.String("serveraddress", a.ServerAddress))
}
