package link

import (
	"testing"
	"testing/synctest"
	"time"
)

// An alarm rings when the time that was noted last has come, once, and is
// quiet again when it is moved on.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var rings []time.Duration // 0: taken back
		a := &alarm{ring: func(at time.Time) error {
			if at.IsZero() {
				rings = append(rings, 0)
			} else {
				rings = append(rings, time.Since(start))
			}
			return nil
		}}
		set := func(after time.Duration) {
			t.Helper()
			if err := a.set(time.Now().Add(after)); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(want ...time.Duration) {
			t.Helper()
			synctest.Wait()
			a.mu.Lock() // under which it rings
			defer a.mu.Unlock()
			if len(rings) != len(want) {
				t.Fatalf("it rang at %v, not %v", rings, want)
			}
			for i := range want {
				if rings[i] != want[i] {
					t.Fatalf("it rang at %v, not %v", rings, want)
				}
			}
		}
		for range 5 { // moved on five times, a second before it is due
			set(10 * time.Second)
			time.Sleep(9 * time.Second)
		}
		expect()
		time.Sleep(2 * time.Second)
		expect(46 * time.Second)
		set(time.Hour)
		expect(46*time.Second, 0)
		set(time.Second) // earlier than the timer was to fire
		time.Sleep(2 * time.Second)
		expect(46*time.Second, 0, 48*time.Second)
		set(-time.Second) // which is past already
		expect(46*time.Second, 0, 48*time.Second, 0, 49*time.Second)
		set(time.Second)
		if err := a.set(time.Time{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		expect(46*time.Second, 0, 48*time.Second, 0, 49*time.Second, 0)
		set(time.Second)
		a.stop()
		time.Sleep(2 * time.Second)
		expect(46*time.Second, 0, 48*time.Second, 0, 49*time.Second, 0)
	})
}
