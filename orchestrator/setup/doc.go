// Package setup is skyctl init: what this workstation has of what runs need, and
// what is put in place of that: a configuration to start from, and agents where
// machines can fetch them.
package setup
