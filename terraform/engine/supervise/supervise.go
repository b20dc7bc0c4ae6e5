// Package supervise lets Terraform outlive the program that started it.
//
// terraform-exec has the kernel kill Terraform the moment its parent ends:
// whatever was being created is then missing from the state, and stays rented.
// So the program puts itself in between. It hands terraform-exec its own
// executable; that second process, the supervisor, sees by its environment what
// it is for and runs the real Terraform in a session of its own. While the
// program lives the supervisor is transparent. When the program dies, killed or
// not, the supervisor interrupts Terraform once, waits until it has written its
// state, and ends:
//
//	skyctl ──terraform-exec──> supervisor ──own session──> terraform ──> providers, provisioners
//
// A program that uses it calls Main first thing in its main function.
package supervise

// Command is what to execute instead of a Terraform, and what to add to the
// environment.
type Command struct {
	Path string
	Env  map[string]string
}
