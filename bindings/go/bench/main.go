// SPDX-License-Identifier: MIT OR Apache-2.0

// Command bench compares the binding with golang.org/x/sync/semaphore in one run. It prints a line
// of JSON for each row: {"name": …, "ns": …, "rival": …, "rival_ns": …, "ratio": …}. The times are
// those of one operation, medians of -rounds. Both take turns, so that what else the machine does
// meets both.
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

// semaphores is what both have.
type weighted interface {
	Acquire(context.Context, int64) error
	TryAcquire(int64) bool
	Release(int64)
}

// pairsOf has the loops that are as long as a call through an interface: one for each type.
type pairsOf struct{ try, acquire func(n int) }

func afflux_(s *afflux.Weighted) pairsOf {
	ctx := context.Background()
	return pairsOf{
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

func xsync(s *semaphore.Weighted) pairsOf {
	ctx := context.Background()
	return pairsOf{
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

// time_ is nanoseconds of one operation.
func time_(run func(n int), n int) float64 {
	begin := time.Now()
	run(n)
	return float64(time.Since(begin)) / float64(n)
}

func median(times []float64) float64 {
	sort.Float64s(times)
	return times[len(times)/2]
}

func main() {
	rounds := flag.Int("rounds", 7, "medians of how many")
	flag.Parse()

	a, x := afflux_(afflux.NewWeighted(64)), xsync(semaphore.NewWeighted(64))
	rows := []struct {
		name        string
		n           int
		mine, rival func(n int)
	}{
		{"go_try_pair", 4_000_000, a.try, x.try},
		{"go_acquire_pair", 4_000_000, a.acquire, x.acquire},
		{"go_hand_over_8_goroutines_1_permit", 200_000,
			handOver(afflux.NewWeighted(1)), handOver(semaphore.NewWeighted(1))},
		{"go_wait_and_cancel", 50_000,
			cancel(afflux.NewWeighted(1)), cancel(semaphore.NewWeighted(1))},
	}
	out := json.NewEncoder(os.Stdout)
	for _, row := range rows {
		row.mine(row.n / 10)
		row.rival(row.n / 10)
		var mine, rival []float64
		for i := 0; i < *rounds; i++ {
			mine = append(mine, time_(row.mine, row.n))
			rival = append(rival, time_(row.rival, row.n))
		}
		ns, rivalNs := median(mine), median(rival)
		out.Encode(struct {
			Name    string  `json:"name"`
			Ns      float64 `json:"ns"`
			Rival   string  `json:"rival"`
			RivalNs float64 `json:"rival_ns"`
			Ratio   float64 `json:"ratio"`
		}{row.name, ns, "golang.org/x/sync", rivalNs, ns / rivalNs})
	}
}
