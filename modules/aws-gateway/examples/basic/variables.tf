variable "agent_binary" {
  type        = object({ url = string, sha256 = string })
  description = "Where the machines fetch skyagent for linux/amd64, and its SHA-256."
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
