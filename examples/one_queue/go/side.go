// SPDX-License-Identifier: MIT OR Apache-2.0

// Go: goroutines, as many as there are requests.
package main

// #cgo pkg-config: afflux
// #include <afflux/afflux.h>
// #include <stdlib.h>
// #include "../one_queue.h"
//
// extern void one_queue_go_arrive(uint32_t ticket, int32_t may_be_cancelled);
// extern void one_queue_go_cancel(uint32_t ticket);
// extern void one_queue_go_finish(uint32_t ticket);
// extern void one_queue_go_load(uint32_t workers);
// extern void one_queue_go_join(void);
// extern void one_queue_go_stop(void);
//
// // Go calls no pointers to C functions.
// static inline void granted(const one_queue_host *h, uint32_t ticket) { h->granted(ticket); }
// static inline void enter(const one_queue_host *h, uint32_t n) { h->enter(ONE_QUEUE_GO, n); }
// static inline void leave(const one_queue_host *h, uint32_t n) { h->leave(ONE_QUEUE_GO, n); }
// static inline void gave_up(const one_queue_host *h) { h->gave_up(ONE_QUEUE_GO); }
// static inline int32_t is_over(const one_queue_host *h) { return h->is_over(); }
// static inline void fail(const one_queue_host *h, char *what) { h->fail(what); free(what); }
import "C"

import (
	"context"
	"math/rand"
	"runtime"
	"sync"
	"time"
	"unsafe"

	afflux "github.com/afflux/afflux/bindings/go"
)

type ticket struct {
	cancel context.CancelFunc
	permit *afflux.Permit
}

var (
	host    *C.one_queue_host
	sem     *afflux.Semaphore
	lock    sync.Mutex
	tickets = map[C.uint32_t]*ticket{}
	workers sync.WaitGroup
)

func main() {} // of a library: never called

//export one_queue_go
func one_queue_go(h *C.one_queue_host, side *C.one_queue_side) {
	host = h
	sem = afflux.FromHandle(unsafe.Pointer(h.sem))
	side.version = C.afflux_version_string()
	side.arrive = (*[0]byte)(C.one_queue_go_arrive)
	side.cancel = (*[0]byte)(C.one_queue_go_cancel)
	side.finish = (*[0]byte)(C.one_queue_go_finish)
	side.load = (*[0]byte)(C.one_queue_go_load)
	side.join = (*[0]byte)(C.one_queue_go_join)
	side.stop = (*[0]byte)(C.one_queue_go_stop)
}

func fail(what string, err error) { C.fail(host, C.CString("go: "+what+": "+err.Error())) }

//export one_queue_go_arrive
func one_queue_go_arrive(id C.uint32_t, _ C.int32_t) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &ticket{cancel: cancel}
	lock.Lock()
	tickets[id] = t
	lock.Unlock()
	go func() {
		permit, err := sem.AcquirePermit(ctx, afflux.Request{Tag: "go"})
		if ctx.Err() != nil {
			return // cancelled, as it was asked to be
		}
		if err != nil {
			fail("a ticket was refused", err)
			return
		}
		lock.Lock()
		t.permit = permit
		lock.Unlock()
		C.granted(host, id)
	}()
}

func take(id C.uint32_t) *ticket {
	lock.Lock()
	defer lock.Unlock()
	t := tickets[id]
	delete(tickets, id)
	return t
}

//export one_queue_go_cancel
func one_queue_go_cancel(id C.uint32_t) { take(id).cancel() }

//export one_queue_go_finish
func one_queue_go_finish(id C.uint32_t) {
	t := take(id)
	if err := t.permit.Release(); err != nil {
		fail("a release failed", err)
	}
	t.cancel()
}

//export one_queue_go_load
func one_queue_go_load(n C.uint32_t) {
	for i := 0; i < int(n); i++ {
		workers.Add(1)
		go func(seed int64) {
			defer workers.Done()
			work(rand.New(rand.NewSource(seed)))
		}(int64(i))
	}
}

func work(random *rand.Rand) {
	for C.is_over(host) == 0 {
		if err := workOnce(random); err != nil {
			fail("under load", err)
			return
		}
	}
}

func workOnce(random *rand.Rand) error {
	n := 1 + random.Intn(3)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if random.Intn(8) == 0 {
		time.AfterFunc(time.Duration(random.Intn(2000))*time.Microsecond, cancel)
	}
	permit, err := sem.AcquirePermit(ctx, afflux.Request{Permits: int64(n), Tag: "go"})
	if err != nil && err == ctx.Err() {
		C.gave_up(host)
		return nil
	}
	if err != nil {
		return err
	}
	C.enter(host, C.uint32_t(n))
	if random.Intn(4) == 0 {
		time.Sleep(time.Millisecond)
	} else {
		runtime.Gosched()
	}
	C.leave(host, C.uint32_t(n))
	return permit.Release()
}

//export one_queue_go_join
func one_queue_go_join() { workers.Wait() }

//export one_queue_go_stop
func one_queue_go_stop() {} // goroutines need none
