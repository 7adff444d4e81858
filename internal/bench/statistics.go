package main

import (
	"math"
	"slices"
	"time"
)

// median is the middle of the values, or the mean of the two that are.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

// quantile is the smallest of the values that at least that part of them does not exceed.
func quantile(values []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(part*float64(len(sorted))))-1)]
}

// timed measures f.
func timed(f func() error) (time.Duration, error) {
	begun := time.Now()
	err := f()
	return time.Since(begun), err
}

// milliseconds of a duration, with their fractions.
func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
