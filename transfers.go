package main

import (
	"fmt"
	"net/netip"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/internal/transfer"
	"github.com/docker-worker/docker-worker/worker"
	"github.com/docker-worker/docker-worker/worker/artifact"
)

// transferFlags say how files come into containers, and out of them.
func transferFlags() []cli.Flag {
	return []cli.Flag{
		artifactStoreFlag(),
		sizeFlag("max-artifact-size", "10g", "", "largest artifact, `SIZE`, all files of a directory together"),
		&cli.DurationFlag{Name: "artifact-timeout", EnvVars: env("artifact-timeout"), Value: worker.DefaultArtifactTimeout, Usage: "longest `DURATION` that a task's artifacts may take to be kept, all together"},
		sizeFlag("max-file-size", "10g", "", "most, `SIZE`, that the files may have which a task has put into its container, all together, as they come and as they are unpacked"),
		&cli.DurationFlag{Name: "transfer-inactivity", EnvVars: env("transfer-inactivity"), Value: transfer.DefaultInactivity, Usage: "`DURATION` without a byte after which a transfer by HTTP is given up and tried again"},
		&cli.StringSliceFlag{Name: "allow-address", EnvVars: env("allow-address"), Usage: "let tasks name addresses in this `NETWORK` (127.0.0.1, 169.254.0.0/16) as well: those of this host, and link-local ones, are refused otherwise; several times for several"},
	}
}

func artifactStoreFlag() cli.Flag {
	return &cli.StringFlag{Name: "artifact-store", EnvVars: env("artifact-store"), Usage: "`PLACE` of the artifacts that name no url: an http or https address to put them below, or an absolute path of this host"}
}

// newTransfers reads the flags of transferFlags. Temporary files are made in tempDir.
func newTransfers(c *cli.Context, tempDir string) (worker.Transfers, error) {
	agent := "docker-worker/" + version()
	t := worker.Transfers{ArtifactTimeout: c.Duration("artifact-timeout")}
	var allowed []netip.Prefix
	for _, text := range c.StringSlice("allow-address") {
		network, err := parseNetwork(text)
		if err != nil {
			return t, failure{exitConfig, fmt.Errorf("--allow-address %q: it is an address, or a network such as 127.0.0.0/8", text)}
		}
		allowed = append(allowed, network)
	}
	t.Client = &transfer.Client{Inactivity: c.Duration("transfer-inactivity"), UserAgent: agent, Allow: transfer.PublicOr(allowed), AllowHint: "it would need --allow-address"}
	for flag, size := range map[string]*int64{"max-artifact-size": &t.MaxArtifactSize, "max-file-size": &t.MaxFileSize} {
		n, err := sizeOf(c, flag)
		if err != nil {
			return t, err
		}
		*size = int64(n)
	}
	if place := c.String("artifact-store"); place != "" {
		var err error
		// The operator's own address may be anywhere.
		t.Store, err = artifact.NewStore(place, &transfer.Client{Inactivity: t.Client.Inactivity, UserAgent: agent}, tempDir)
		if err != nil {
			return t, failure{exitConfig, fmt.Errorf("--artifact-store: %w", err)}
		}
	}
	return t, nil
}

// parseNetwork reads a network, or an address that is one by itself.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}
