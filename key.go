package main

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/seal"
	"github.com/docker-worker/docker-worker/internal/signature"
)

func keyCommand() *cli.Command {
	return &cli.Command{
		Name:      "key",
		Usage:     "make keys: for sealed values, or for signatures",
		UsageText: "docker-worker key generate [flags] FILE|DIR",
		Subcommands: []*cli.Command{{
			Name:      "generate",
			Usage:     "make a pair of keys for sealed values, or for signatures",
			UsageText: "docker-worker key generate [flags] FILE|DIR",
			Description: `Writes the private key to FILE (in a directory: seal.key, or sign.key) and the public one to FILE.pub, and prints
the public one. A file that is there is not overwritten.

For sealed values the private key is the worker's (start --sealed-key), the public one the senders' (seal --key).
For signatures the private key is the sender's (submit --sign-with), the public one the workers' (start --trusted-key).`,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "signing", EnvVars: env("signing"), Usage: "make keys for signatures, instead of those for sealed values"},
			},
			Action: generateKeys,
		}},
	}
}

func generateKeys(c *cli.Context) error {
	args, err := needArgs(c, "FILE")
	if err != nil {
		return err
	}
	name, generate := "seal.key", newSealingKey
	if c.Bool("signing") {
		name, generate = "sign.key", newSigningKey
	}
	path := args[0]
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, name)
	}
	private, public, err := generate()
	if err != nil {
		return err
	}
	if err := writeKeys(path, private, public); err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, public)
	return nil
}

func newSealingKey() (private []byte, public string, err error) {
	key, err := seal.GenerateKey()
	if err != nil {
		return nil, "", err
	}
	private, err = key.PEM()
	return private, key.Public().String(), err
}

func newSigningKey() (private []byte, public string, err error) {
	key, err := signature.GenerateKey()
	if err != nil {
		return nil, "", err
	}
	private, err = signature.PEM(key)
	return private, signature.PublicLine(key.Public().(ed25519.PublicKey)), err
}
