// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests share: wakers that count, that run a function, that panic; a hand-made executor.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Counts how often it is woken, and how many wakers of it there are.
#[derive(Default)]
pub struct Count {
    wakes: AtomicUsize,
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    pub fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        (count, waker)
    }

    pub fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

/// Runs a function when it is woken, once; or one when it is dropped.
pub struct Act {
    on_wake: Mutex<Option<Job>>,
    on_drop: Mutex<Option<Job>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Act {
    pub fn on_wake(job: impl FnOnce() + Send + 'static) -> Waker {
        Waker::from(Arc::new(Act {
            on_wake: Mutex::new(Some(Box::new(job))),
            on_drop: Mutex::new(None),
        }))
    }

    pub fn on_drop(job: impl FnOnce() + Send + 'static) -> Waker {
        Waker::from(Arc::new(Act {
            on_wake: Mutex::new(None),
            on_drop: Mutex::new(Some(Box::new(job))),
        }))
    }
}

impl Wake for Act {
    fn wake(self: Arc<Self>) {
        let job = self.on_wake.lock().unwrap().take();
        if let Some(job) = job {
            job();
        }
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        let job = self.on_drop.get_mut().unwrap().take();
        if let Some(job) = job {
            job();
        }
    }
}

/// Polls once.
pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// The value of a future that is ready.
pub fn now<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    match poll(future.as_mut(), &Count::new().1) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is not ready"),
    }
}

/// An executor for one thread: futures need not be `Send`, and a task that is woken by this thread
/// is queued at once.
#[derive(Default)]
pub struct Local {
    tasks: RefCell<Vec<Option<Task>>>,
    woken: Arc<Mutex<VecDeque<usize>>>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct LocalWaker {
    task: usize,
    woken: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for LocalWaker {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap().push_back(self.task);
    }
}

impl Local {
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        self.woken.lock().unwrap().push_back(tasks.len());
        tasks.push(Some(Box::pin(future)));
    }

    /// Runs until no task is woken; tells how many have not ended.
    pub fn run(&self) -> usize {
        loop {
            let next = self.woken.lock().unwrap().pop_front();
            let task = match next {
                None => return self.tasks.borrow().iter().flatten().count(),
                Some(task) => task,
            };
            let future = self.tasks.borrow_mut()[task].take();
            if let Some(mut future) = future {
                let waker =
                    Waker::from(Arc::new(LocalWaker { task, woken: Arc::clone(&self.woken) }));
                if poll(future.as_mut(), &waker).is_pending() {
                    self.tasks.borrow_mut()[task] = Some(future);
                }
            }
        }
    }
}

/// The two laws of the statistics, and that nothing is held and no request waits.
pub fn assert_at_rest(sem: &afflux::Semaphore) {
    let s = sem.stats();
    assert_eq!(s.acquired_fast + s.acquired_after_wait, s.released + s.held, "{s:?}");
    let ended = s.granted + s.canceled + s.timed_out + s.dropped + s.closed_out + s.impossible;
    assert_eq!(s.queued, s.waiters + ended, "{s:?}");
    assert_eq!((s.held, s.waiters), (0, 0), "{s:?}");
    assert_eq!(s.available, s.limit, "{s:?}");
}
