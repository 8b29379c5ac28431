// SPDX-License-Identifier: MIT OR Apache-2.0

package peers

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A status that one keeps and many read.
type status struct {
	read  func() // all of it
	look  func() // one number
	count func()
	end   func()
}

// By their own types: what is read by value would escape through an interface.
var statuses = []struct {
	name string
	make func() status
}{
	{"atomics", func() status {
		c := NewAtomicClient()
		return status{
			read:  func() { var s Summary; c.Summarize(&s) },
			look:  func() { c.Responses(404) },
			count: func() { c.CountRequests(1, 1) },
			end:   func() {},
		}
	}},
	{"rwmutex", func() status {
		c := NewRWMutexClient()
		return status{
			read:  func() { var s Summary; c.Summarize(&s) },
			look:  func() { c.Responses(404) },
			count: func() { c.CountRequests(1, 1) },
			end:   func() {},
		}
	}},
	{"mutex", func() status {
		c := NewMutexClient()
		return status{
			read:  func() { var s Summary; c.Summarize(&s) },
			look:  func() { c.Responses(404) },
			count: func() { c.CountRequests(1, 1) },
			end:   func() {},
		}
	}},
	{"channel", func() status {
		c := NewAskedClient()
		return status{func() { c.Ask() }, func() { c.AskNumber(404) }, c.Count, c.Close}
	}},
}

// Runs n calls of act in so many goroutines.
func crowd(goroutines, n int, act func()) {
	var done sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		share := n / goroutines
		if g < n%goroutines {
			share++
		}
		done.Add(1)
		go func() {
			defer done.Done()
			for i := 0; i < share; i++ {
				act()
			}
		}()
	}
	done.Wait()
}

// Time: of the clock, divided by what all readers did.
func reading(b *testing.B, readers int, withWriter, number bool) {
	for _, way := range statuses {
		b.Run(way.name, func(b *testing.B) {
			s := way.make()
			var over atomic.Bool
			writes := make(chan int, 1)
			if withWriter {
				go func() {
					n := 0
					for ; !over.Load(); n++ {
						s.count()
					}
					writes <- n
				}()
			}
			b.ResetTimer()
			begin := time.Now()
			if number {
				crowd(readers, b.N, s.look)
			} else {
				crowd(readers, b.N, s.read)
			}
			b.StopTimer()
			over.Store(true)
			if withWriter {
				b.ReportMetric(float64(time.Since(begin).Nanoseconds())/float64(<-writes), "write_ns")
			}
			s.end()
		})
	}
}

func BenchmarkOne_reader(b *testing.B)            { reading(b, 1, false, false) }
func BenchmarkTen_readers(b *testing.B)           { reading(b, 10, false, false) }
func BenchmarkAgainst_writer(b *testing.B)        { reading(b, 10, true, false) }
func BenchmarkOne_reader_number(b *testing.B)     { reading(b, 1, false, true) }
func BenchmarkTen_readers_number(b *testing.B)    { reading(b, 10, false, true) }
func BenchmarkAgainst_writer_number(b *testing.B) { reading(b, 10, true, true) }

// 100,000 operations come to an end, and none is lost. `go test -timeout` is the watchdog.
func TestAHundredThousandOperationsEnd(t *testing.T) {
	const operations = 100000
	for _, way := range clients {
		t.Run(way.name, func(t *testing.T) {
			c := way.make()
			var n atomic.Uint64
			crowd(10, operations, func() {
				if n.Add(1)%2 == 0 {
					var s Summary
					c.Summarize(&s)
				} else {
					c.CountRequests(1, 1)
				}
			})
			var s Summary
			c.Summarize(&s)
			if s.Requests[1] != operations/2 {
				t.Errorf("%d counted of %d", s.Requests[1], operations/2)
			}
		})
	}
	t.Run("channel", func(t *testing.T) {
		c := NewAskedClient()
		var n atomic.Uint64
		crowd(10, operations, func() {
			if n.Add(1)%2 == 0 {
				c.Ask()
			} else {
				c.Count()
			}
		})
		// What was sent may not have been taken yet.
		for c.Ask().Requests[1] != operations/2 {
			if len(c.counts) == 0 && c.Ask().Requests[1] != operations/2 {
				t.Fatal("some were lost")
			}
		}
		c.Close()
	})
}
