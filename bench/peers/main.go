package main

import "github.com/go-ds-prolly/go-ds-prolly/bench/peers/run"

func main() { run.Main() }
