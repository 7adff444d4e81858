package main

import (
	"fmt"
	"net/netip"

	"github.com/urfave/cli/v2"

	"github.com/docker-worker/docker-worker/worker"
)

func subnetsFlag() cli.Flag {
	return &cli.StringFlag{Name: "service-subnets", EnvVars: env("service-subnets"), DefaultText: "the engine's own, about 30 networks",
		Usage: "addresses, `CIDR`, for the networks of tasks with services, 32 for each: 10.231.0.0/16 is enough for 2048 of them"}
}

// subnetsOf reads the flag.
func subnetsOf(c *cli.Context) (netip.Prefix, error) {
	text := c.String("service-subnets")
	if text == "" {
		return netip.Prefix{}, nil
	}
	pool, err := netip.ParsePrefix(text)
	if err == nil {
		err = worker.CheckServiceSubnets(pool)
	}
	if err != nil {
		return pool, failure{exitConfig, fmt.Errorf("--service-subnets %q: %w", text, err)}
	}
	return pool, nil
}
