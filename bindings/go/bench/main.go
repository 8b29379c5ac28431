// SPDX-License-Identifier: MIT OR Apache-2.0

// Command bench compares the binding with golang.org/x/sync/semaphore in one run. It prints a line
// of JSON for each row: "name", "ns" of one operation, the same of the "rival", its "rival_name", the
// "ratio" of both, and the "goal" for that. Times are medians of -rounds. Both take turns, so that what
// else the machine does meets both.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/afflux/afflux/bindings/go"
	"golang.org/x/sync/semaphore"
)

// weighted is what both have.
type weighted interface {
	Acquire(context.Context, int64) error
	TryAcquire(int64) bool
	Release(int64)
}

// pairs are loops of which one turn is not much longer than a call through an interface: so they stand
// here once for each type.
type pairs struct{ try, acquire func(n int) }

func mine(s *afflux.Weighted) pairs {
	ctx := context.Background()
	return pairs{
		try: func(n int) {
			for i := 0; i < n; i++ {
				if !s.TryAcquire(1) {
					panic("no permit")
				}
				s.Release(1)
			}
		},
		acquire: func(n int) {
			for i := 0; i < n; i++ {
				if s.Acquire(ctx, 1) != nil {
					panic("no permit")
				}
				s.Release(1)
			}
		},
	}
}

func rivals(s *semaphore.Weighted) pairs {
	ctx := context.Background()
	return pairs{
		try: func(n int) {
			for i := 0; i < n; i++ {
				if !s.TryAcquire(1) {
					panic("no permit")
				}
				s.Release(1)
			}
		},
		acquire: func(n int) {
			for i := 0; i < n; i++ {
				if s.Acquire(ctx, 1) != nil {
					panic("no permit")
				}
				s.Release(1)
			}
		},
	}
}

// handOver has 8 goroutines share 1 permit. One operation is an acquire and its release. The holder
// yields, so that the others queue meanwhile, and each permit is handed over to one that waits.
func handOver(s weighted) func(n int) {
	return func(n int) {
		const goroutines = 8
		var all sync.WaitGroup
		for g := 0; g < goroutines; g++ {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := 0; i < n/goroutines; i++ {
					s.Acquire(context.Background(), 1)
					runtime.Gosched()
					s.Release(1)
				}
			}()
		}
		all.Wait()
	}
}

// cancel has a goroutine wait for a permit that does not come, until its context is cancelled.
func cancel(s weighted) func(n int) {
	s.Acquire(context.Background(), 1)
	return func(n int) {
		for i := 0; i < n; i++ {
			ctx, stop := context.WithCancel(context.Background())
			go stop()
			if s.Acquire(ctx, 1) == nil {
				panic("a permit")
			}
		}
	}
}

// perOperation is nanoseconds of one of n operations.
func perOperation(run func(n int), n int) float64 {
	begin := time.Now()
	run(n)
	return float64(time.Since(begin)) / float64(n)
}

func median(times []float64) float64 {
	sort.Float64s(times)
	return times[len(times)/2]
}

// row is one line of the output.
type row struct {
	Name      string  `json:"name"`
	Ns        float64 `json:"ns"`
	Rival     float64 `json:"rival"`
	RivalName string  `json:"rival_name"`
	Ratio     float64 `json:"ratio"`
	Goal      float64 `json:"goal"`
}

func main() {
	rounds := flag.Int("rounds", 7, "medians of how many")
	flag.Parse()

	a, x := mine(afflux.NewWeighted(64)), rivals(semaphore.NewWeighted(64))
	handsOver := [2]func(int){handOver(afflux.NewWeighted(1)), handOver(semaphore.NewWeighted(1))}
	cancels := [2]func(int){cancel(afflux.NewWeighted(1)), cancel(semaphore.NewWeighted(1))}
	out := json.NewEncoder(os.Stdout)
	for _, c := range []struct {
		name        string
		n           int
		goal        float64
		mine, rival func(n int)
	}{
		{"go_try_pair", 4_000_000, 0.8, a.try, x.try},
		{"go_acquire_pair", 4_000_000, 0.8, a.acquire, x.acquire},
		{"go_hand_over_8_goroutines_1_permit", 200_000, 1, handsOver[0], handsOver[1]},
		{"go_wait_and_cancel", 100_000, 1, cancels[0], cancels[1]},
	} {
		c.mine(c.n / 10)
		c.rival(c.n / 10)
		var ns, rival []float64
		for i := 0; i < *rounds; i++ {
			ns = append(ns, perOperation(c.mine, c.n))
			rival = append(rival, perOperation(c.rival, c.n))
		}
		r := row{Name: c.name, Ns: median(ns), Rival: median(rival),
			RivalName: "golang.org/x/sync/semaphore", Goal: c.goal}
		r.Ratio = r.Ns / r.Rival
		if err := out.Encode(r); err != nil {
			panic(err)
		}
	}
}
