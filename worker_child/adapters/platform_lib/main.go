// platform-lib's worker and its addressed pushes: what Crashbench starts to put the library to the
// test. What needs none of its packages, the store above all, is in the folder store.
package main

import (
	"crashbench/lang/go/child"
)

func main() {
	child.Main(child.Library{
		Module:   "github.com/rstudio/platform-lib/v4",
		Work:     work,
		Enqueuer: openEnqueuer,
	})
}
