variable "agent_path" {
  type        = string
  description = "The skyagent binary on this machine."
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
