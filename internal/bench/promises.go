package main

import (
	"fmt"
	"io"
	"strings"
)

// binaryMost is promised of the program's file, in bytes: 10 MiB.
const binaryMost = 10 << 20

// goals are promises that depend on the engine: one that is slow at making networks is where it pays most to have them
// ready before.
type goals struct {
	speed     func(capacity int) float64 // of the worker / a bare loop on the engine's bridge
	run       float64                    // of the worker / docker run
	firstByte float64                    // until the first byte / docker run's
}

// goalsWith are the goals with an engine of a version. Docker 20.10 is the oldest that is supported.
func goalsWith(engine string) goals {
	if !strings.HasPrefix(engine, "20.10.") {
		return goals{speed: func(int) float64 { return 1.25 }, run: 1.25, firstByte: 1}
	}
	return goals{run: 2, firstByte: 0.5, speed: func(capacity int) float64 {
		if capacity == 2 { // as many as there are processors, where it was measured
			return 2.4
		}
		return 2
	}}
}

// promise is what the docs say of the worker, and what this run has measured.
type promise struct {
	text     string
	measured float64
	bound    float64
	least    bool // the bound is the least that is promised; else the most
	unit     string
}

// promises in the order in which they were looked at.
type promises []promise

// atLeast notes a value that should not be below its bound.
func (p *promises) atLeast(bound, measured float64, unit, text string) {
	*p = append(*p, promise{text: text, measured: measured, bound: bound, least: true, unit: unit})
}

// atMost notes a value that should not be above its bound.
func (p *promises) atMost(bound, measured float64, unit, text string) {
	*p = append(*p, promise{text: text, measured: measured, bound: bound, unit: unit})
}

func (p promise) holds() bool {
	if p.least {
		return p.measured >= p.bound
	}
	return p.measured <= p.bound
}

// String is a line: the verdict, what was measured as a share of what was promised, and both.
func (p promise) String() string {
	verdict, bound := "holds        ", "at most"
	if !p.holds() {
		verdict = "does NOT hold"
	}
	if p.least {
		bound = "at least"
	}
	return fmt.Sprintf("%s  %5.2f of the promise  %s: %.4g%s, %s %.4g%s", verdict, p.measured/p.bound, p.text, p.measured, p.unit, bound, p.bound, p.unit)
}

func (p promises) print(out io.Writer) {
	for _, each := range p {
		fmt.Fprintln(out, each)
	}
}
