variable "agent_binaries" {
  type        = map(object({ url = string, sha256 = string }))
  description = "Where the machines fetch skyagent, and its SHA-256, for amd64 and arm64."
}

variable "control_cidr" {
  type        = string
  description = "Where the orchestrator is: 203.0.113.7/32."
}

variable "ca_certificate_file" {
  type        = string
  description = "Certificate of the run's authority, in PEM."
}

variable "enrollment_tokens" {
  type        = map(string)
  description = "One-time token of each gateway, by name."
  sensitive   = true
}

variable "not_after" {
  type        = string
  description = "When the gateways end at the latest, in RFC 3339 and UTC."
}

variable "subscription_id" {
  type        = string
  description = "Subscription to create them in."
}
