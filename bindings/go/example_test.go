// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/afflux/afflux/bindings/go"
)

// A worker pool without workers: a goroutine for each task, of which four run at a time.
func Example() {
	ctx := context.Background()
	sem := afflux.NewWeighted(4)
	squares := make([]int, 10)
	for i := range squares {
		if err := sem.Acquire(ctx, 1); err != nil {
			fmt.Println(err)
			return
		}
		go func(i int) {
			defer sem.Release(1)
			squares[i] = i * i
		}(i)
	}
	// All permits are free when all goroutines are done.
	if err := sem.Acquire(ctx, 4); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(squares)
	// Output: [0 1 4 9 16 25 36 49 64 81]
}

func ExampleNew() {
	sem, err := afflux.New(afflux.Options{
		Permits:    1,
		Name:       "uploads",
		MaxWaiters: 100,
		Overflow:   afflux.Fail,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sem.Name(), sem.Limit())
	_, err = afflux.New(afflux.Options{Permits: -1})
	fmt.Println(err)
	// Output:
	// uploads 1
	// afflux: AFFLUX_EINVAL: invalid argument: Options.Permits is -1
}

func ExampleSemaphore_TryAcquire() {
	sem := afflux.NewWeighted(1)
	fmt.Println(sem.TryAcquire(1), sem.TryAcquire(1))
	sem.Release(1)
	// Output: true false
}

func ExampleSemaphore_AcquireWith() {
	sem := afflux.NewWeighted(1)
	sem.TryAcquire(1)
	err := sem.AcquireWith(context.Background(), afflux.Request{
		Priority: afflux.PriorityHigh,
		Timeout:  time.Millisecond,
	})
	fmt.Println(err == afflux.ErrTimeout)
	// Output: true
}

func ExampleSemaphore_AcquirePermit() {
	sem, _ := afflux.New(afflux.Options{Permits: 10, Ledger: 16})
	permit, err := sem.AcquirePermit(context.Background(), afflux.Request{Permits: 3, Tag: "upload"})
	if err != nil {
		fmt.Println(err)
		return
	}
	holders, _, _ := sem.Holders()
	fmt.Println(holders[0].Permits, holders[0].Tag)
	fmt.Println(permit.Release(), permit.Release() == afflux.ErrAlready)
	// Output:
	// 3 upload
	// <nil> true
}

func ExampleSemaphore_Close() {
	ctx := context.Background()
	sem := afflux.NewWeighted(2)
	sem.Acquire(ctx, 1)
	go sem.Release(1)
	sem.Close()
	fmt.Println(sem.WaitIdle(ctx), sem.Acquire(ctx, 1) == afflux.ErrClosed)
	// Output: <nil> true
}

func ExampleSemaphore_Stats() {
	sem := afflux.NewWeighted(2)
	sem.TryAcquire(2)
	sem.TryAcquire(1)
	sem.Release(1)
	s := sem.Stats()
	fmt.Println(s.AcquiredFast, s.Released, s.Held, s.TryFailed, s.PeakHeld)
	// Output: 2 1 1 1 2
}

func ExampleAcquireAny() {
	fast, slow := afflux.NewWeighted(1), afflux.NewWeighted(1)
	fast.TryAcquire(1)
	which, err := afflux.AcquireAny(context.Background(),
		afflux.Item{Semaphore: fast}, afflux.Item{Semaphore: slow})
	fmt.Println(which, err)
	// Output: 1 <nil>
}

func ExampleEvent() {
	ready, _ := afflux.NewEvent(true)
	var all sync.WaitGroup
	for i := 0; i < 3; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			ready.Wait(context.Background())
		}()
	}
	ready.NotifyAll()
	all.Wait()
	fmt.Println(ready.IsSet())
	// Output: true
}

func ExampleClient() {
	client, _ := afflux.NewClient(afflux.ClientOptions{Name: "client 1"})
	sem := afflux.NewWeighted(8)
	sem.AcquireWith(context.Background(), afflux.Request{Permits: 5, Client: client})
	fmt.Println(client.Summary().Acquired)
	// Output: 5
}

func ExampleRegistry_Write() {
	registry, _ := afflux.NewRegistry()
	sem, _ := afflux.New(afflux.Options{Permits: 8, Name: "uploads"})
	registry.Add(sem)
	var text strings.Builder
	registry.Write(&text, afflux.Prometheus, false)
	for _, line := range strings.Split(text.String(), "\n") {
		if strings.HasPrefix(line, "afflux_semaphore_permits_limit{") {
			fmt.Fprintln(os.Stdout, line)
		}
	}
	// Output: afflux_semaphore_permits_limit{semaphore="uploads",id="1"} 8
}
