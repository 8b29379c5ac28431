// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include <afflux/afflux.h>
import "C"

import "runtime"

// IsClosed reports whether the semaphore has been closed.
func (s *Semaphore) IsClosed() bool {
	closed := C.afflux_sem_is_closed(s.handle()) != 0
	if closed {
		raceAcquire(s.object())
	}
	runtime.KeepAlive(s)
	return closed
}

// Limit is the number of permits that may be held.
func (s *Semaphore) Limit() int64 {
	n := C.afflux_sem_limit(s.handle())
	runtime.KeepAlive(s)
	return int64(n)
}

// Available is the number of permits that are free now, 0 while a request waits.
func (s *Semaphore) Available() int64 {
	n := C.afflux_sem_available(s.handle())
	runtime.KeepAlive(s)
	return int64(n)
}

// Held is the number of permits that are held now.
func (s *Semaphore) Held() int64 {
	n := C.afflux_sem_held(s.handle())
	runtime.KeepAlive(s)
	return int64(n)
}

// Waiters is the number of requests that wait now, those of other languages included.
func (s *Semaphore) Waiters() int64 {
	n := C.afflux_sem_waiters(s.handle())
	runtime.KeepAlive(s)
	return int64(n)
}

// Queue is the strategy that the semaphore really uses, never QueueAuto.
func (s *Semaphore) Queue() Queue {
	queue := C.afflux_sem_queue(s.handle())
	runtime.KeepAlive(s)
	return Queue(queue)
}

// Name is the name given at creation, or "".
func (s *Semaphore) Name() string {
	name := C.GoString(C.afflux_sem_name(s.handle()))
	runtime.KeepAlive(s)
	return name
}
