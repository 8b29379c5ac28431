// SPDX-License-Identifier: MIT OR Apache-2.0

package peers

import "time"

type request struct{ answer chan *Summary }

type question struct {
	code   int
	answer chan uint64
}

// AskedClient is kept by a goroutine, which is asked through a channel: each request brings a
// channel for its answer.
type AskedClient struct {
	counts   chan uint64
	requests chan request
	numbers  chan question
	stop     chan struct{}
	stopped  chan struct{}
}

// NewAskedClient makes one, with room for 16 in each channel.
func NewAskedClient() *AskedClient {
	c := &AskedClient{
		counts:   make(chan uint64, 16),
		requests: make(chan request, 16),
		numbers:  make(chan question, 16),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	go c.keep()
	return c
}

func (c *AskedClient) keep() {
	defer close(c.stopped)
	kept := plain{created: time.Now()}
	for {
		select {
		case n := <-c.counts:
			kept.known.Requests[1] += n
		case r := <-c.requests:
			summary := new(Summary)
			kept.summarize(summary)
			summary.Uptime = time.Since(kept.created)
			r.answer <- summary
		case q := <-c.numbers:
			q.answer <- kept.countOf(q.code)
		case <-c.stop:
			return
		}
	}
}

// Count counts a request; it does not wait until that is done.
func (c *AskedClient) Count() { c.counts <- 1 }

// AskNumber tells how many responses had that code.
func (c *AskedClient) AskNumber(code int) uint64 {
	q := question{code, make(chan uint64, 1)}
	c.numbers <- q
	return <-q.answer
}

// Ask reads all.
func (c *AskedClient) Ask() *Summary {
	r := request{make(chan *Summary, 1)}
	c.requests <- r
	return <-r.answer
}

// Close ends the goroutine. Nobody may ask any more.
func (c *AskedClient) Close() {
	close(c.stop)
	<-c.stopped
}
