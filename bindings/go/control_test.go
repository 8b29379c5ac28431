// SPDX-License-Identifier: MIT OR Apache-2.0

package afflux_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afflux/afflux/bindings/go"
)

// AIMD, of which each sample ends a window, makes it exact: one more where half of the limit is in
// use, a tenth less after a drop.
func aimd(min, max int64) afflux.ControlOptions {
	return afflux.ControlOptions{Algorithm: afflux.AlgorithmAIMD, Min: min, Max: max}
}

func steer(t *testing.T, s *afflux.Semaphore, options afflux.ControlOptions) *afflux.Control {
	t.Helper()
	c, err := afflux.NewControl(s, options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sample(t *testing.T, c *afflux.Control, outcome afflux.Outcome) {
	t.Helper()
	if err := c.Sample(time.Millisecond, outcome); err != nil {
		t.Fatal(err)
	}
}

func checkLimit(t *testing.T, s *afflux.Semaphore, limit int64) {
	t.Helper()
	if s.Limit() != limit {
		t.Errorf("the limit is %d, not %d", s.Limit(), limit)
	}
}

func TestControlRaisesAndLowers(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	told := make(chan afflux.ControlChange, 8)
	options := aimd(5, 12)
	options.OnChange = func(change afflux.ControlChange) { told <- change }
	control := steer(t, sem, options)
	sem.TryAcquire(10)
	for i := 0; i < 4; i++ {
		sample(t, control, afflux.Served)
	}
	checkLimit(t, sem, 12)
	if reason := control.Stats().Reason; reason != afflux.BecauseMax {
		t.Error(reason)
	}
	for i := 0; i < 12; i++ {
		sample(t, control, afflux.Dropped)
	}
	checkLimit(t, sem, 5)
	if reason := control.Stats().Reason; reason != afflux.BecauseMin {
		t.Error(reason)
	}
	room, drops := afflux.BecauseRoom, afflux.BecauseDrops
	for _, want := range []afflux.ControlChange{{10, 11, room}, {11, 12, room}, {12, 10, drops},
		{10, 9, drops}, {9, 8, drops}, {8, 7, drops}, {7, 6, drops}, {6, 5, drops}} {
		if change := <-told; change != want {
			t.Errorf("%v, not %v", change, want)
		}
	}
	if sem.Held() != 10 {
		t.Error("a shrink has revoked permits")
	}
	sem.Release(10)
	checkIdle(t, sem)
}

func TestControlStats(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	control := steer(t, sem, aimd(1, 20))
	want := afflux.ControlStats{Algorithm: afflux.AlgorithmAIMD, Limit: 10, Min: 1, Max: 20, Center: 10}
	if s := control.Stats(); s != want {
		t.Errorf("%+v", s)
	}
	sem.TryAcquire(6)
	if err := control.Sample(3*time.Millisecond, afflux.Served); err != nil {
		t.Error(err)
	}
	s := control.Stats()
	if s.Window <= 0 || s.WindowThroughput <= 0 {
		t.Errorf("%+v", s)
	}
	want.Decision, want.Reason, want.Limit, want.Center = afflux.Raised, afflux.BecauseRoom, 11, 11
	want.Served, want.Windows, want.Raised, want.WindowServed = 1, 1, 1, 1
	want.WindowLatency, want.WindowInFlight = 3*time.Millisecond, 6
	want.Window, want.WindowThroughput = s.Window, s.WindowThroughput
	if s != want {
		t.Errorf("%+v", s)
	}
	sample(t, control, afflux.Dropped)
	sample(t, control, afflux.Ignored)
	s = control.Stats()
	if s.Decision != afflux.Lowered || s.Reason != afflux.BecauseDrops || s.Limit != 9 ||
		s.Dropped != 1 || s.Ignored != 1 || s.Lowered != 1 || s.WindowDropped != 1 || s.Missed != 0 {
		t.Errorf("%+v", s)
	}
	if text := s.Decision.String() + ": " + s.Reason.String(); text !=
		"lowered: requests were dropped, or took too long" {
		t.Error(text)
	}
	sem.Release(6)
	sample(t, control, afflux.Served)
	if s := control.Stats(); s.Decision != afflux.Kept || s.Reason != afflux.BecauseUnused {
		t.Errorf("%+v", s)
	}
}

func TestControlOptionsReachTheLibrary(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(50)
	options := aimd(1, 10)
	options.Initial, options.Timeout = 8, 5*time.Nanosecond
	control := steer(t, sem, options)
	checkLimit(t, sem, 8)
	control.Sample(6, afflux.Served)
	checkLimit(t, sem, 7)
	control.Unref()
	checkLimit(t, sem, 7) // it stays

	for a := afflux.AlgorithmDefault; a <= afflux.AlgorithmGradient; a++ {
		sem := afflux.NewWeighted(3000)
		control := steer(t, sem, afflux.ControlOptions{Algorithm: a, Min: 4, Max: 60})
		if a == afflux.AlgorithmGradient {
			checkLimit(t, sem, 4) // a probe
		} else {
			checkLimit(t, sem, 60)
		}
		if s := control.Stats(); s.Algorithm != a {
			t.Errorf("%v: %+v", a, s)
		}
	}

	// A window of time is not over with each sample: the first one ends with its first.
	long := steer(t, sem, afflux.ControlOptions{Algorithm: afflux.AlgorithmGradient2, Window: time.Hour})
	for i := 0; i < 20; i++ {
		sample(t, long, afflux.Served)
	}
	if s := long.Stats(); s.Windows != 1 || s.Served != 20 {
		t.Errorf("%+v", s)
	}

	// The defaults, and two options whose effect no test could see at once.
	other := afflux.NewWeighted(30)
	defaults := steer(t, other, afflux.ControlOptions{Seed: 7, ProbeInterval: time.Second})
	if s := defaults.Stats(); s.Algorithm != afflux.AlgorithmDefault || s.Limit != 30 || s.Min != 1 ||
		s.Max != 1000 {
		t.Errorf("%+v", s)
	}
}

func TestControlRefusesBadOptions(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	for _, bad := range []afflux.ControlOptions{
		{Algorithm: 5},
		{Min: -1}, {Max: -1}, {Initial: -1},
		{Min: 6, Max: 5},
		{Max: afflux.MaxPermits + 1},
		{Min: 5, Max: 9, Initial: 4},
		{Min: 5, Max: 9, Initial: 10},
		{Window: -1}, {Timeout: -1}, {ProbeInterval: -1},
	} {
		if _, err := afflux.NewControl(sem, bad); !errors.Is(err, afflux.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	checkLimit(t, sem, 10)
	control := steer(t, sem, aimd(5, 9)) // none of them steers it
	if err := control.Sample(-1, afflux.Served); err != afflux.ErrInvalid {
		t.Error(err)
	}
	if err := control.Sample(1, 3); err != afflux.ErrInvalid {
		t.Error(err)
	}
	if s := control.Stats(); s.Served != 0 || s.Windows != 0 {
		t.Errorf("%+v", s)
	}
}

func TestOneControlSteers(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	first := steer(t, sem, aimd(1, 10))
	if _, err := afflux.NewControl(sem, aimd(1, 10)); err != afflux.ErrBusy {
		t.Error(err)
	}
	first.Unref()
	first.Unref()
	mustPanic(t, "after its Unref", func() { first.Pause() })
	mustPanic(t, "not made by NewControl", func() { new(afflux.Control).Stats() })
	second := steer(t, sem, aimd(1, 10))
	sem.Close()
	sample(t, second, afflux.Dropped) // it goes on
	checkLimit(t, sem, 9)
	second.Unref()
	if _, err := afflux.NewControl(sem, aimd(1, 10)); err != afflux.ErrClosed {
		t.Error(err)
	}
}

func TestControlPaused(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(10)
	control := steer(t, sem, aimd(1, 10))
	if err := control.Resume(); err != afflux.ErrAlready {
		t.Error(err)
	}
	if err := control.Pause(); err != nil {
		t.Error(err)
	}
	if err := control.Pause(); err != afflux.ErrAlready || !control.Stats().Paused {
		t.Error(err)
	}
	sem.Resize(55)
	sample(t, control, afflux.Dropped)
	checkLimit(t, sem, 55)
	if s := control.Stats(); s.Dropped != 1 || s.Windows != 0 {
		t.Errorf("%+v", s)
	}
	if err := control.Resume(); err != nil || control.Stats().Paused {
		t.Error(err)
	}
	checkLimit(t, sem, 55)
	sample(t, control, afflux.Dropped)
	checkLimit(t, sem, 9) // as the algorithm knew it, and one drop
}

// ---- waiting goroutines

func TestControlLetsIn(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(2)
	control := steer(t, sem, aimd(1, 4))
	sem.TryAcquire(2)
	waits, large := make(chan error), make(chan error)
	go func() { waits <- sem.Acquire(background, 1) }()
	waitFor(func() bool { return sem.Waiters() == 1 })
	sample(t, control, afflux.Served)
	if err := <-waits; err != nil {
		t.Error(err)
	}
	checkLimit(t, sem, 3)
	go func() { large <- sem.Acquire(background, 4) }() // waits outside, for the limit to grow
	sample(t, control, afflux.Served)
	checkLimit(t, sem, 4)
	waitFor(func() bool { return sem.Waiters() == 1 })
	sem.Release(3)
	if err := <-large; err != nil {
		t.Error(err)
	}
	sem.Release(4)
	checkIdle(t, sem)
}

// A shrink ends waiting requests for more than the limit, and Min spares them.
func TestControlShrinksBelowARequest(t *testing.T) {
	t.Parallel()
	for _, min := range []int64{5, 6} {
		sem := afflux.NewWeighted(8)
		control := steer(t, sem, aimd(min, 8))
		sem.TryAcquire(8)
		waits := make(chan error, 1)
		go func() { waits <- sem.AcquireWith(background, afflux.Request{Permits: 6}) }()
		waitFor(func() bool { return sem.Waiters() == 1 })
		for i := 0; i < 8; i++ {
			sample(t, control, afflux.Dropped)
		}
		checkLimit(t, sem, min)
		if min == 5 {
			if err := <-waits; err != afflux.ErrTooBig {
				t.Error(err)
			}
			sem.Release(8)
		} else {
			sem.Release(8)
			if err := <-waits; err != nil {
				t.Error(err)
			}
			sem.Release(6)
		}
		checkIdle(t, sem)
	}
}

// ---- Permits

func TestControlReleases(t *testing.T) {
	t.Parallel()
	sem, other := afflux.NewWeighted(10), afflux.NewWeighted(10)
	control := steer(t, sem, aimd(1, 20))
	permit, err := sem.AcquirePermit(background, afflux.Request{Permits: 6})
	if err != nil {
		t.Fatal(err)
	}
	held := permit.HeldFor()
	if err := control.Release(permit, 3); err != afflux.ErrInvalid || permit.Count() != 6 {
		t.Error(err)
	}
	if err := control.Release(permit, afflux.Served); err != nil || permit.Count() != 0 {
		t.Error(err)
	}
	if s := control.Stats(); s.Served != 1 || s.WindowInFlight != 6 || s.Limit != 11 ||
		s.WindowLatency < held {
		t.Errorf("%+v", s)
	}
	if err := control.Release(permit, afflux.Served); err != afflux.ErrAlready {
		t.Error(err)
	}
	stranger, err := other.AcquirePermit(background, afflux.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Release(stranger, afflux.Served); err != afflux.ErrInvalid ||
		stranger.Count() != 1 {
		t.Error(err)
	}

	// However many try, one does.
	permit, err = sem.AcquirePermit(background, afflux.Request{})
	if err != nil {
		t.Fatal(err)
	}
	var released atomic.Int64
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			if control.Release(permit, afflux.Ignored) == nil {
				released.Add(1)
			}
		}()
	}
	all.Wait()
	if s := control.Stats(); released.Load() != 1 || s.Served != 1 || s.Ignored != 1 {
		t.Errorf("%d: %+v", released.Load(), s)
	}
	checkIdle(t, sem)
}

// A release wakes the goroutine that it lets in, whatever it does to the limit.
func TestControlReleaseHandsOver(t *testing.T) {
	t.Parallel()
	sem := afflux.NewWeighted(1)
	control := steer(t, sem, aimd(1, 1))
	counter := 0 // guarded by the permit: -race checks that
	var all sync.WaitGroup
	for g := 0; g < 4; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 500; i++ {
				permit, err := sem.AcquirePermit(background, afflux.Request{})
				if err != nil {
					t.Error(err)
					return
				}
				counter++
				if err := control.Release(permit, afflux.Served); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	if s := control.Stats(); counter != 2000 || s.Served != 2000 {
		t.Errorf("%d: %+v", counter, s)
	}
	checkIdle(t, sem)
}

// ---- text

func TestAlgorithmNames(t *testing.T) {
	t.Parallel()
	names := []string{"default", "aimd", "vegas", "gradient2", "gradient"}
	for i, name := range names {
		a, err := afflux.ParseAlgorithm(name)
		if err != nil || a != afflux.Algorithm(i) || a.String() != name {
			t.Error(name, a, err)
		}
	}
	for _, bad := range []string{"", "AIMD", "aimd ", "aimd\x00", "reno"} {
		if _, err := afflux.ParseAlgorithm(bad); !errors.Is(err, afflux.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	config := struct{ Algorithm afflux.Algorithm }{afflux.AlgorithmVegas}
	text, err := json.Marshal(config)
	if err != nil || string(text) != `{"Algorithm":"vegas"}` {
		t.Error(string(text), err)
	}
	if err := json.Unmarshal([]byte(`{"Algorithm":"aimd"}`), &config); err != nil ||
		config.Algorithm != afflux.AlgorithmAIMD {
		t.Error(config, err)
	}
	if err := json.Unmarshal([]byte(`{"Algorithm":"reno"}`), &config); !errors.Is(err,
		afflux.ErrInvalid) || config.Algorithm != afflux.AlgorithmAIMD {
		t.Error(config, err)
	}
	unknown := afflux.Algorithm(5)
	if _, err := json.Marshal(unknown); !errors.Is(err, afflux.ErrInvalid) ||
		unknown.String() != "Algorithm(5)" {
		t.Error(unknown, err)
	}
}

func TestReasonsAndDecisionsHaveText(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for r := afflux.BecauseNone; r <= afflux.BecauseMin; r++ {
		seen[r.String()] = true
	}
	if len(seen) != 10 || seen["unknown reason"] || (afflux.BecauseMin+1).String() != "unknown reason" {
		t.Error(seen)
	}
	decisions := []string{afflux.Kept.String(), afflux.Raised.String(), afflux.Lowered.String(),
		afflux.Decision(3).String()}
	if !reflect.DeepEqual(decisions, []string{"kept", "raised", "lowered", "Decision(3)"}) {
		t.Error(decisions)
	}
}

// What these sections of the README have, the files of examples have, too: it is compiled.
func TestReadmeIsCompiled(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, file := range map[string]string{
		"A limit that finds itself":            "example_control_test.go",
		"Callers that can't starve each other": "example_tenant_test.go",
	} {
		compiled, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(readme), "## "+heading+"\n")
		_, code, _ := strings.Cut(section, "```go\n")
		code, _, found := strings.Cut(code, "```\n")
		if !found || len(code) < 100 || !strings.Contains(string(compiled), code) {
			t.Errorf("not in %s:\n%s", file, code)
		}
	}
}
