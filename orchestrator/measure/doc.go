// Package measure finds out what links carry: which gateways that takes and costs,
// and, when they are up, what one sends another for some seconds.
package measure
