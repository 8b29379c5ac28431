// SPDX-License-Identifier: MIT OR Apache-2.0

package peers

import (
	"sync"
	"sync/atomic"
	"time"
)

// SemStats is what a semaphore has done.
type SemStats struct {
	Limit, Available, Held, Waiters, QueueBytes uint64
	OldestWait                                  time.Duration
	AcquiredFast, AcquiredAfterWait, TryFailed  uint64
	Released, Canceled, TimedOut, Rejected      uint64
	Dropped, ClosedOut, Resizes                 uint64
	RequestsFast, Granted, Impossible, Queued   uint64
	WaitCount, WaitSum, WaitMax                 uint64
	HoldCount, HoldSum, HoldMax                 uint64
	Age                                         time.Duration
}

// Semaphore has the free path of a semaphore, and its statistics.
type Semaphore interface {
	Take() bool
	Give() bool
	Stats(into *SemStats)
}

// AtomicSemaphore counts by atomics.
type AtomicSemaphore struct {
	limit, held                              atomic.Uint64
	waiters, queueBytes                      atomic.Uint64
	acquiredFast, afterWait, tryFailed       atomic.Uint64
	released, canceled, timedOut, rejected   atomic.Uint64
	dropped, closedOut, resizes              atomic.Uint64
	requestsFast, granted, impossible, queue atomic.Uint64
	waitCount, waitSum, waitMax              atomic.Uint64
	holdCount, holdSum, holdMax              atomic.Uint64
	created                                  time.Time
}

// NewAtomicSemaphore makes one of so many permits.
func NewAtomicSemaphore(permits uint64) *AtomicSemaphore {
	s := &AtomicSemaphore{created: time.Now()}
	s.limit.Store(permits)
	return s
}

// Take takes a permit if one is free.
func (s *AtomicSemaphore) Take() bool {
	for {
		held := s.held.Load()
		if held == s.limit.Load() {
			s.tryFailed.Add(1)
			return false
		}
		if s.held.CompareAndSwap(held, held+1) {
			s.acquiredFast.Add(1)
			s.requestsFast.Add(1)
			return true
		}
	}
}

// Give gives a permit back.
func (s *AtomicSemaphore) Give() bool {
	for {
		held := s.held.Load()
		if held == 0 {
			return false
		}
		if s.held.CompareAndSwap(held, held-1) {
			s.released.Add(1)
			return true
		}
	}
}

// Stats reads all.
func (s *AtomicSemaphore) Stats(into *SemStats) {
	into.Limit = s.limit.Load()
	into.Held = s.held.Load()
	into.Available = into.Limit - into.Held
	into.Waiters = s.waiters.Load()
	into.QueueBytes = s.queueBytes.Load()
	into.AcquiredFast = s.acquiredFast.Load()
	into.AcquiredAfterWait = s.afterWait.Load()
	into.TryFailed = s.tryFailed.Load()
	into.Released = s.released.Load()
	into.Canceled = s.canceled.Load()
	into.TimedOut = s.timedOut.Load()
	into.Rejected = s.rejected.Load()
	into.Dropped = s.dropped.Load()
	into.ClosedOut = s.closedOut.Load()
	into.Resizes = s.resizes.Load()
	into.RequestsFast = s.requestsFast.Load()
	into.Granted = s.granted.Load()
	into.Impossible = s.impossible.Load()
	into.Queued = s.queue.Load()
	into.WaitCount = s.waitCount.Load()
	into.WaitSum = s.waitSum.Load()
	into.WaitMax = s.waitMax.Load()
	into.HoldCount = s.holdCount.Load()
	into.HoldSum = s.holdSum.Load()
	into.HoldMax = s.holdMax.Load()
	into.Age = time.Since(s.created)
}

func take(s *SemStats) bool {
	if s.Held == s.Limit {
		s.TryFailed++
		return false
	}
	s.Held++
	s.AcquiredFast++
	s.RequestsFast++
	return true
}

func give(s *SemStats) bool {
	if s.Held == 0 {
		return false
	}
	s.Held--
	s.Released++
	return true
}

// RWMutexSemaphore counts behind a sync.RWMutex, which readers share.
type RWMutexSemaphore struct {
	mutex   sync.RWMutex
	now     SemStats
	created time.Time
}

// NewRWMutexSemaphore makes one of so many permits.
func NewRWMutexSemaphore(permits uint64) *RWMutexSemaphore {
	return &RWMutexSemaphore{now: SemStats{Limit: permits}, created: time.Now()}
}

// Take takes a permit if one is free.
func (s *RWMutexSemaphore) Take() bool {
	s.mutex.Lock()
	taken := take(&s.now)
	s.mutex.Unlock()
	return taken
}

// Give gives a permit back.
func (s *RWMutexSemaphore) Give() bool {
	s.mutex.Lock()
	given := give(&s.now)
	s.mutex.Unlock()
	return given
}

// Stats reads all.
func (s *RWMutexSemaphore) Stats(into *SemStats) {
	s.mutex.RLock()
	*into = s.now
	s.mutex.RUnlock()
	into.Available = into.Limit - into.Held
	into.Age = time.Since(s.created)
}

// MutexSemaphore counts behind a sync.Mutex.
type MutexSemaphore struct {
	mutex   sync.Mutex
	now     SemStats
	created time.Time
}

// NewMutexSemaphore makes one of so many permits.
func NewMutexSemaphore(permits uint64) *MutexSemaphore {
	return &MutexSemaphore{now: SemStats{Limit: permits}, created: time.Now()}
}

// Take takes a permit if one is free.
func (s *MutexSemaphore) Take() bool {
	s.mutex.Lock()
	taken := take(&s.now)
	s.mutex.Unlock()
	return taken
}

// Give gives a permit back.
func (s *MutexSemaphore) Give() bool {
	s.mutex.Lock()
	given := give(&s.now)
	s.mutex.Unlock()
	return given
}

// Stats reads all.
func (s *MutexSemaphore) Stats(into *SemStats) {
	s.mutex.Lock()
	*into = s.now
	s.mutex.Unlock()
	into.Available = into.Limit - into.Held
	into.Age = time.Since(s.created)
}
