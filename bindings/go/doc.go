// SPDX-License-Identifier: MIT OR Apache-2.0

// Package afflux is a weighted semaphore that every language in the process can share: fair, fast,
// cancellable and observable. It is the Go binding of the C library Afflux, by cgo.
//
// It is a drop-in for golang.org/x/sync/semaphore:
//
//	sem := afflux.NewWeighted(8)
//	if err := sem.Acquire(ctx, 1); err != nil {
//		return err
//	}
//	defer sem.Release(1)
//
// Two things are different: Acquire(ctx, 0) never waits, and NewWeighted panics above [MaxPermits].
//
// Beyond that there are priorities, time limits and queue bounds ([Request], [Options]), Permits
// that are given back at most once ([Permit]), a limit that changes ([Semaphore.Resize]) or finds
// itself ([Control]), an orderly end ([Semaphore.Close], [Semaphore.WaitIdle]), statistics,
// histograms, health and a ledger of holders, waits for several at once ([AcquireAny],
// [AcquireAll]), events ([Event]), callers that can't starve each other ([Tenant]), counters for each
// customer or connection ([Client]), and Prometheus ([Registry]).
//
// # Cost
//
// Free permits are taken and given back in Go, by a compare-and-swap each, without a call into C and
// without an allocation; the statistics count them all the same. A goroutine that waits holds no
// thread. It costs a call into C to queue it, one to let it in and, if its context ends first, one to
// take it back.
//
// # Memory
//
// What is done before a Release happens before what is done after the Acquire that got those
// permits. The race detector is told so. A release that another language makes is not told to it.
//
// # Ownership
//
// Semaphores, tenants, events, clients, controls and registries are freed when they are not
// reachable any more. [Semaphore.Handle] and [FromHandle] share a semaphore with another language,
// which keeps it by references of its own.
package afflux
