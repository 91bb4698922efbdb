// The worker of my_queue, a queue of this folder's own: replace it by your library.
package main

import "crashbench/lang/go/child"

func main() {
	child.Main(child.Library{Work: work})
}
