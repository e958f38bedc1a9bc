// What the Go program is built on: targets in from standard input, a line out a check.
// The JSON in both directions is that of ../node/checks.ts.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"time"
)

const checkTimeMax = 60 * time.Second

type target struct {
	Name     string
	Host     string
	Port     int
	Protocol *int
	User     *string
	Password *string
	Mode     string
	Keys     string
}

type job struct {
	Checks  []string
	Targets []target
}

type line struct {
	Target string `json:"target"`
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// key is a key of its own slot, or in cluster mode of the target's one slot.
func (t target) key(name string) string {
	if t.Mode == "cluster" {
		return t.sameSlot(name)
	}
	return t.Keys + name
}

// sameSlot is a key in the target's one slot, for commands that need their keys together.
func (t target) sameSlot(name string) string {
	return "{" + t.Keys + "}" + name
}

// A check panics with what is wrong; outcome turns that into a line.
type check func(ctx context.Context, t target)

func main() {
	var asked job
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "no targets on standard input:", err)
		os.Exit(2)
	}
	out := json.NewEncoder(os.Stdout)
	for _, t := range asked.Targets {
		for _, name := range asked.Checks {
			detail := outcome(checks[name], t)
			if err := out.Encode(line{t.Name, name, detail == "", detail}); err != nil {
				os.Exit(2)
			}
		}
	}
}

func outcome(run check, t target) string {
	if run == nil {
		return "this program has no such check"
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeMax)
	defer cancel()
	done := make(chan string, 1)
	go func() {
		defer func() {
			if wrong := recover(); wrong != nil {
				done <- fmt.Sprintf("%v\n%s", wrong, place())
			}
		}()
		run(ctx, t)
		done <- ""
	}()
	select {
	case detail := <-done:
		return detail
	case <-time.After(checkTimeMax + time.Second):
		return fmt.Sprintf("not done after %v", checkTimeMax)
	}
}

// place is the stack of the check, without what is below it.
func place() string {
	stack := string(debug.Stack())
	if len(stack) > 2000 {
		stack = stack[:2000]
	}
	return stack
}

// got is the value of a reply that must not be an error: got(client.Get(ctx, key).Result()).
func got[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("%T: %v", err, err))
	}
	return value
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("%T: %v", err, err))
	}
}

func same[T any](found, wanted T) {
	if !reflect.DeepEqual(found, wanted) {
		panic(fmt.Sprintf("%#v is not %#v", found, wanted))
	}
}

func refused(err error, told string) {
	if err == nil || !strings.Contains(err.Error(), told) {
		panic(fmt.Sprintf("%v instead of an error %s", err, told))
	}
}
