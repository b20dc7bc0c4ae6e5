// Package places is where a transfer reads and writes: the URLs of a request
// resolved by the configuration, opened and found to answer, which keys are taken
// and what each becomes, and the credentials with which gateways open the same.
package places
