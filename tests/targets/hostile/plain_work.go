// The work of plain_work.c in Go, which is linked statically and switches stacks by itself.
package main

import (
	"fmt"
	"os"
	"time"
)

var sink uint64

//go:noinline
func goWork(rounds uint64) {
	value := uint64(1)
	for i := uint64(0); i < rounds; i++ {
		value = value*2862933555777941757 + 3037000493
	}
	sink = value
}

func main() {
	for start := time.Now(); time.Since(start) < 300*time.Millisecond; {
		goWork(100000)
	}
	time.Sleep(2200 * time.Millisecond)
	fmt.Println("plain_work, in Go")
	os.Exit(7)
}
