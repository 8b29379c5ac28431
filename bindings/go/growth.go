// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux

// #include "glue.h"
import "C"

import (
	"context"
	"sync"
)

// changes tells goroutines that the limit has changed, or that the semaphore is closed.
type changes struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next change; nil: no goroutine waits for one
}

func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.next
}

func (c *changes) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

// acquireTooBig is Acquire of more than the limit. In the queue it would hold back those behind it; so
// it waits outside, and asks again after each change.
func (s *Semaphore) acquireTooBig(ctx context.Context, n int64) error {
	for {
		changed := s.changes.wait() // before it asks: no change is missed
		w, status := s.begin(n)
		if status != C.AFFLUX_E2BIG {
			return s.finish(ctx, w, n, status)
		}
		putWaiter(w)
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
