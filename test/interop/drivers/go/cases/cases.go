// Package cases is how a driver in Go tells what it found: see ../../../README.md for the lines.
package cases

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"time"
)

var (
	Bootstrap = os.Getenv("INTEROP_BOOTSTRAP")
	prefix    = os.Getenv("INTEROP_PREFIX")
)

// Topic gives a name that no other driver has. It also serves for groups.
func Topic(name string) string { return prefix + "-" + name }

// Run runs one case and says how it ended. What a case calls panics where it does not get what it should.
func Run(name string, body func(ctx context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), 45*time.Second)
	defer cancel()
	fmt.Println("begin", name)
	defer func() {
		if reason := recover(); reason != nil {
			text := strings.Join(strings.Fields(fmt.Sprint(reason)), " ")
			fmt.Printf("fail %s %.300s\n", name, text)
			debug.PrintStack()
		}
	}()
	body(ctx)
	fmt.Println("ok", name)
}

// Lacks says that the client has no such thing.
func Lacks(name, why string) {
	fmt.Println("begin", name)
	fmt.Println("lacks", name, why)
}

func Check(err error) {
	if err != nil {
		panic(err)
	}
}

// Must unwraps a value that came without an error.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}

func Equal[T any](found, wanted T, what string) {
	if !reflect.DeepEqual(found, wanted) {
		panic(fmt.Sprintf("%s: %.150v instead of %.150v", what, found, wanted))
	}
}

// Until reads again and again until it is as wanted.
func Until[T any](ctx context.Context, read func() T, wanted T, what string) {
	for !reflect.DeepEqual(read(), wanted) {
		select {
		case <-ctx.Done():
			Equal(read(), wanted, what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Numbers gives count texts: "from", "from+1", ...
func Numbers(from, count int) []string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = fmt.Sprint(from + i)
	}
	return texts
}

// Big is a value of a million bytes.
func Big() []byte {
	value := make([]byte, 1_000_000)
	for i := range value {
		value[i] = byte(i % 251)
	}
	return value
}
