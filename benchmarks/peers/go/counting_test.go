// SPDX-License-Identifier: MIT OR Apache-2.0

package peers

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// CPU time of the calling thread, as the C++ benchmarks have it: others may use the machine, too.
func threadTime() time.Duration {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID of Linux
	var now syscall.Timespec
	_, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, threadClock,
		uintptr(unsafe.Pointer(&now)), 0)
	if failed != 0 {
		panic(failed)
	}
	return time.Duration(now.Nano())
}

// Times loop(b.N), whose one thread it is.
func oneThread(b *testing.B, loop func(n int)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ResetTimer()
	before := threadTime()
	loop(b.N)
	used := threadTime() - before
	b.StopTimer()
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu_ns")
}

// The names are those of the C++ benchmarks, with the first word as Go wants it: "increment/…" is
// BenchmarkIncrement/….

// By their own types: a call through an interface is not expanded in place.
func BenchmarkIncrement(b *testing.B) {
	b.Run("atomics", func(b *testing.B) {
		c := NewAtomicClient()
		oneThread(b, func(n int) {
			for i := 0; i < n; i++ {
				c.CountRequests(1, 1)
			}
		})
	})
	b.Run("rwmutex", func(b *testing.B) {
		c := NewRWMutexClient()
		oneThread(b, func(n int) {
			for i := 0; i < n; i++ {
				c.CountRequests(1, 1)
			}
		})
	})
	b.Run("mutex", func(b *testing.B) {
		c := NewMutexClient()
		oneThread(b, func(n int) {
			for i := 0; i < n; i++ {
				c.CountRequests(1, 1)
			}
		})
	})
}

var clients = []struct {
	name string
	make func() Client
}{
	{"atomics", func() Client { return NewAtomicClient() }},
	{"atomics_walked", func() Client { return NewWalkedClient() }},
	{"rwmutex", func() Client { return NewRWMutexClient() }},
	{"mutex", func() Client { return NewMutexClient() }},
}

func BenchmarkIncrement_response(b *testing.B) {
	for _, way := range clients {
		b.Run(way.name, func(b *testing.B) {
			c := way.make()
			oneThread(b, func(n int) {
				for i := 0; i < n; i++ {
					c.CountResponse(404)
				}
			})
		})
	}
}

func BenchmarkIncrement_dropped(b *testing.B) {
	for _, way := range clients {
		b.Run(way.name, func(b *testing.B) {
			c := way.make()
			oneThread(b, func(n int) {
				for i := 0; i < n; i++ {
					c.CountLines(0, 3, 1)
				}
			})
		})
	}
}

// Time: of the clock, for each count of one of the two.
func BenchmarkIncrement_two(b *testing.B) {
	for _, way := range clients {
		b.Run(way.name, func(b *testing.B) {
			c := way.make()
			var done sync.WaitGroup
			for t := 0; t < 2; t++ {
				done.Add(1)
				go func() {
					defer done.Done()
					for i := 0; i < b.N; i++ {
						c.CountRequests(1, 1)
					}
				}()
			}
			done.Wait()
		})
	}
}

// Some of everything, and so many status codes.
func use(c Client, codes int) {
	for i := 0; i < codes; i++ {
		c.CountResponse(400 + i*77%200)
	}
	c.CountResponse(200)
	c.CountRequests(0, 100)
	c.CountLines(0, 100, 3)
	c.CountLines(1, 10, 1)
}

func summaries(b *testing.B, codes int) {
	for _, way := range clients {
		b.Run(way.name, func(b *testing.B) {
			c := way.make()
			use(c, codes)
			var s Summary
			oneThread(b, func(n int) {
				for i := 0; i < n; i++ {
					c.Summarize(&s)
				}
			})
			if s.Responses4xx+s.Responses5xx != uint64(codes) {
				b.Fatal("wrong sum")
			}
		})
	}
}

func BenchmarkSummary(b *testing.B)           { summaries(b, 5) }
func BenchmarkSummary_all_codes(b *testing.B) { summaries(b, 200) }

// ---- Registry

var groups = []struct {
	name       string
	registry   func() Registry
	makeClient func() Client
}{
	{"atomics", func() Registry { return &AtomicRegistry{} }, clients[0].make},
	{"atomics_walked", func() Registry { return &AtomicRegistry{} }, clients[1].make},
	{"rwmutex", func() Registry { return &RWMutexRegistry{clients: map[int]Client{}} }, clients[2].make},
	{"mutex", func() Registry { return &MutexRegistry{clients: map[int]Client{}} }, clients[3].make},
}

func BenchmarkAggregate(b *testing.B) {
	for _, way := range groups {
		for size := 100; size <= 100000; size *= 10 {
			b.Run(fmt.Sprintf("%s/%d", way.name, size), func(b *testing.B) {
				r := way.registry()
				for i := 0; i < size; i++ {
					c := way.makeClient()
					use(c, 5)
					r.Add(i, c)
				}
				var total Summary
				oneThread(b, func(n int) {
					for i := 0; i < n; i++ {
						r.Summarize(&total)
					}
				})
				if total.Requests[0] != uint64(100*size) {
					b.Fatal("wrong sum")
				}
			})
		}
	}
}

// Rounds in which a thousand are added and then removed; cpu_ns is one of both (ns/op is both).
func comeAndGo(b *testing.B, timeAdding bool) {
	const many = 1000
	for _, way := range groups {
		if way.name == "atomics_walked" {
			continue // its registry is that of atomics
		}
		b.Run(way.name, func(b *testing.B) {
			r := way.registry()
			all := make([]Client, many)
			for i := range all {
				all[i] = way.makeClient()
			}
			var used time.Duration
			round := func(n int) {
				begin := threadTime()
				for i := 0; i < n; i++ {
					r.Add(i, all[i])
				}
				added := threadTime()
				for i := 0; i < n; i++ {
					r.Remove(i)
				}
				if timeAdding {
					used += added - begin
				} else {
					used += threadTime() - added
				}
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			b.ResetTimer()
			for left := b.N; left > 0; left -= many {
				if left < many {
					round(left)
				} else {
					round(many)
				}
			}
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu_ns")
		})
	}
}

func BenchmarkAdd(b *testing.B)    { comeAndGo(b, true) }
func BenchmarkRemove(b *testing.B) { comeAndGo(b, false) }

// ---- Semaphore

var semaphores = []struct {
	name string
	make func() Semaphore
}{
	{"atomics", func() Semaphore { return NewAtomicSemaphore(1000) }},
	{"rwmutex", func() Semaphore { return NewRWMutexSemaphore(1000) }},
	{"mutex", func() Semaphore { return NewMutexSemaphore(1000) }},
}

func BenchmarkFast_path(b *testing.B) {
	for _, way := range semaphores {
		b.Run(way.name, func(b *testing.B) {
			s := way.make()
			good := true
			oneThread(b, func(n int) {
				for i := 0; i < n; i++ {
					good = s.Take() && good
					good = s.Give() && good
				}
			})
			if !good {
				b.Fatal("not taken or not given")
			}
		})
	}
}

func BenchmarkSnapshot(b *testing.B) {
	for _, way := range semaphores {
		b.Run(way.name, func(b *testing.B) {
			s := way.make()
			for i := 0; i < 10; i++ {
				s.Take()
			}
			var stats SemStats
			oneThread(b, func(n int) {
				for i := 0; i < n; i++ {
					s.Stats(&stats)
				}
			})
			if stats.Held != 10 {
				b.Fatal("wrong statistics")
			}
		})
	}
}
