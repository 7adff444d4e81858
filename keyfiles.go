package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/seal"
	"github.com/docker-worker/docker-worker/internal/signature"
	"github.com/docker-worker/docker-worker/worker"
)

// keyFlags say which senders a worker knows, and what it can open.
func keyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "sealed-key", EnvVars: env("sealed-key"), Usage: "private key, a `FILE`, for sealed values; several times for several. A relative name is looked for in $CREDENTIALS_DIRECTORY first"},
		&cli.StringSliceFlag{Name: "trusted-key", EnvVars: env("trusted-key"), Usage: "public key, a `FILE`, of a sender: a task must be signed with one of these; several times for several. Looked for as --sealed-key"},
		&cli.DurationFlag{Name: "signature-max-age", EnvVars: env("signature-max-age"), Value: 7 * 24 * time.Hour, Usage: "longest `DURATION` between the signing of a task and the beginning of an attempt at it; 0 is no limit"},
	}
}

// newKeys reads the files that keyFlags name.
func newKeys(c *cli.Context) (worker.Keys, error) {
	keys := worker.Keys{MaxAge: c.Duration("signature-max-age")}
	for _, name := range c.StringSlice("sealed-key") {
		key, err := readKey("sealed-key", name, seal.ParsePrivateKey)
		if err != nil {
			return keys, err
		}
		keys.Sealed = append(keys.Sealed, key)
	}
	for _, name := range c.StringSlice("trusted-key") {
		key, err := readKey("trusted-key", name, signature.ParsePublicKey)
		if err != nil {
			return keys, err
		}
		keys.Trusted = append(keys.Trusted, key)
	}
	return keys, nil
}

// readKey reads the key file that a flag names.
func readKey[T any](flag, name string, parse func([]byte) (T, error)) (T, error) {
	text, err := os.ReadFile(credential(name))
	if err == nil {
		var key T
		if key, err = parse(text); err == nil {
			return key, nil
		}
		err = fmt.Errorf("%s: %w", name, err)
	}
	var none T
	return none, failure{exitConfig, fmt.Errorf("--%s: %w", flag, err)}
}

// credential is where a file is: systemd has those of LoadCredential in a directory of their own.
func credential(name string) string {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" || filepath.IsAbs(name) {
		return name
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return name
	}
	return path
}

// writeKeys writes a pair of keys, the public one beside the private one, with .pub behind its name. A file that is
// there is never overwritten: what was sealed for its key would be lost.
func writeKeys(path string, private []byte, public string) error {
	for _, file := range []struct {
		path string
		text []byte
		mode fs.FileMode
	}{{path, private, 0o600}, {path + ".pub", []byte(public + "\n"), 0o644}} {
		f, err := os.OpenFile(file.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, file.mode)
		if err != nil {
			return failure{exitConfig, fmt.Errorf("write a key: %w", err)}
		}
		_, err = f.Write(file.text)
		if err = errors.Join(err, f.Close()); err != nil {
			return failure{exitConfig, fmt.Errorf("write a key: %w", err)}
		}
	}
	return nil
}
