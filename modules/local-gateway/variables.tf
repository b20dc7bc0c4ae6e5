# ---------------------------------------------------------------------------
# The core that every gateway module shares
# ---------------------------------------------------------------------------

# Part of the core; nothing here depends on it.
# tflint-ignore: terraform_unused_declarations
variable "region" {
  type        = string
  description = "Region that the gateways are in, as `CLOUD:NAME`."

  validation {
    condition     = startswith(var.region, "local:")
    error_message = "The region of this module is one of this machine: local:NAME."
  }
}

variable "run" {
  type        = string
  description = "Id of the run that the gateways serve. An agent answers to its own run only."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]*$", var.run))
    error_message = "A run id has lower case letters, digits and hyphens."
  }
}

# tflint-ignore: terraform_unused_declarations # a process needs no name in a cloud
variable "name" {
  type        = string
  description = "Prefix of the names of what the module creates in a cloud: `skyctl-RUN-…`, at most 30 characters."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,29}$", var.name))
    error_message = "A name starts with a lower case letter and has at most 30 lower case letters, digits and hyphens."
  }
}

variable "gateways" {
  type = map(object({
    machine_type = optional(string)
    zone         = optional(string)
    spot         = optional(bool, false)
  }))
  description = "The gateways to run, by name. Machine type and spot mean nothing for a process or a host of your own; their zone is passed through."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.gateways) : can(regex("^[a-z][a-z0-9-]{0,62}$", name))])
    error_message = "A gateway's name starts with a lower case letter and has lower case letters, digits and hyphens."
  }
}

variable "enrollment_tokens" {
  type        = map(string)
  description = "One-time enrollment token of each gateway, by name. Separate from `gateways` because a sensitive map cannot drive `for_each`. A token is used at start only: another one replaces nothing."
  default     = {}
  nullable    = false
  sensitive   = true

  validation {
    condition     = length(setsubtract(keys(var.gateways), keys(var.enrollment_tokens))) == 0
    error_message = "Every gateway needs an enrollment token."
  }
}

variable "ca_certificate" {
  type        = string
  description = "Certificate of the run's certificate authority in PEM, the only one that the agents trust."
}

variable "agent" {
  type = object({
    path     = optional(string)
    binaries = optional(map(object({ url = string, sha256 = string })), {})
  })
  description = "The agent to run. `path`: the skyagent binary on this machine, for local gateways and hosts of your own. `binaries`: where the machines of a cloud fetch it, by architecture (`amd64`, `arm64`), and the SHA-256 that it has to have."

  validation {
    condition     = length(var.gateways) == 0 || var.agent.path != null
    error_message = "Give the path of the skyagent binary on this machine."
  }
}

# tflint-ignore: terraform_unused_declarations # nothing filters traffic between processes
variable "peers" {
  type        = map(string)
  description = "Addresses (HOST:PORT) of the gateways of other regions that may connect, by name. Keys are known before apply, so modules may refer to each other."
  default     = {}
  nullable    = false
}

# tflint-ignore: terraform_unused_declarations # nothing filters traffic between processes
variable "control_cidrs" {
  type        = list(string)
  description = "Networks that may reach the control port."
  default     = []
  nullable    = false
}

variable "lifetime_seconds" {
  type        = number
  description = "Seconds after its start at which a gateway ends itself. Fixed when it starts."

  validation {
    condition     = var.lifetime_seconds > 0 && var.lifetime_seconds <= 86400
    error_message = "A lifetime is more than 0 and at most 86400 seconds, one day."
  }
}

variable "not_after" {
  type        = string
  description = "Moment at which a gateway ends itself whatever its lifetime, in RFC 3339. Fixed when it starts."

  validation {
    condition     = can(formatdate("YYYY", var.not_after)) && endswith(var.not_after, "Z")
    error_message = "The moment is written as in RFC 3339, in UTC: 2026-11-22T12:00:00Z."
  }
}

variable "enroll_within_seconds" {
  type        = number
  description = "Seconds after its start at which an agent that nobody enrolled ends itself."
  default     = 300
  nullable    = false

  validation {
    condition     = var.enroll_within_seconds > 0
    error_message = "An agent needs some time to be enrolled."
  }
}

# tflint-ignore: terraform_unused_declarations # a process carries no tags
variable "tags" {
  type        = map(string)
  description = "Tags or labels for everything that can carry them."
  default     = {}
  nullable    = false
}

# ---------------------------------------------------------------------------
# This machine
# ---------------------------------------------------------------------------

variable "hosts" {
  type = map(object({
    address = string
    netns   = optional(string)
    port    = number
  }))
  description = "Where each gateway listens, by its name: IP address, port for UDP and TCP, and the network namespace of `ip netns` that holds the address if it is not the machine's own. Gateways that share an address need different ports."
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.gateways), keys(var.hosts))) == 0
    error_message = "Every gateway needs a host to listen on."
  }

  validation {
    condition     = alltrue([for host in var.hosts : can(cidrhost("${host.address}/${strcontains(host.address, ":") ? 128 : 32}", 0))])
    error_message = "The address of a host is an IP address."
  }

  validation {
    condition     = alltrue([for host in var.hosts : host.port >= 1 && host.port <= 65535])
    error_message = "The port of a host is between 1 and 65535."
  }

  validation {
    condition     = alltrue([for host in var.hosts : host.netns == null || can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]*$", host.netns))])
    error_message = "A network namespace is given by its name, as `ip netns list` shows it."
  }

  validation {
    condition     = length(distinct(values(var.hosts))) == length(var.hosts)
    error_message = "Two gateways listen on the same address and port. Give one of them another port."
  }
}

variable "state_dir" {
  type        = string
  description = "Directory for the agents' boot data, process ids and logs; each gateway has a directory of its name in it. Default: `gateways` in the root module."
  default     = null
}
