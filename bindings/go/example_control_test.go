// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/afflux/afflux/bindings/go"
)

// These two functions are the README's.

func serve(ctx context.Context, sem *afflux.Semaphore, control *afflux.Control) error {
	permit, err := sem.AcquirePermit(ctx, afflux.Request{})
	if err != nil {
		return err
	}
	defer permit.Release() // where work panics: after control.Release it does nothing
	outcome := afflux.Served
	err = work(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		outcome = afflux.Dropped // by overload
	case errors.Is(err, context.Canceled):
		outcome = afflux.Ignored // its latency says nothing
	}
	control.Release(permit, outcome)
	return err
}

func limits(algorithm string) (*afflux.Semaphore, *afflux.Control, error) {
	sem := afflux.NewWeighted(20)                // to begin with
	how, err := afflux.ParseAlgorithm(algorithm) // default, aimd, vegas, gradient2, gradient
	if err != nil {
		return nil, nil, err
	}
	control, err := afflux.NewControl(sem, afflux.ControlOptions{
		Algorithm: how,
		Min:       4,
		Max:       500,
		OnChange: func(change afflux.ControlChange) {
			log.Printf("%d permits: %v", change.After, change.Reason)
		},
	})
	return sem, control, err
}

func work(context.Context) error { return nil }

func ExampleControl() {
	sem, control, err := limits("default")
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := 0; i < 3; i++ {
		if err := serve(context.Background(), sem, control); err != nil {
			fmt.Println(err)
		}
	}
	s := control.Stats()
	fmt.Println(s.Algorithm, s.Served, s.Limit, s.Min, s.Max)
	// Output: default 3 20 4 500
}

func ExampleControl_Sample() {
	sem := afflux.NewWeighted(10)
	control, err := afflux.NewControl(sem, afflux.ControlOptions{
		Algorithm: afflux.AlgorithmAIMD,
		Min:       1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sem.TryAcquire(10)
	control.Sample(3*time.Millisecond, afflux.Served) // before the release
	fmt.Println(sem.Limit(), control.Stats().Reason)
	control.Sample(3*time.Millisecond, afflux.Dropped)
	fmt.Println(sem.Limit(), control.Stats().Reason)
	sem.Release(10)
	// Output:
	// 11 latency shows no queue
	// 9 requests were dropped, or took too long
}
